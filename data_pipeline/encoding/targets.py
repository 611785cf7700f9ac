"""Win probability -> target distribution over bins: one-hot, two-hot and HL-Gauss.

How far the expectation of a target lies from the value p that it was made from:

- two-hot: nowhere, for p between the outermost bins' centres; beyond them it is the centre itself,
  so up to half a bin too high at 0 and too low at 1;
- one-hot: up to half a bin everywhere;
- HL-Gauss: under 1 % of a bin while p is three sigma from both ends. At the ends the Gaussian's
  mass beyond [0, 1] is cut off and the rest renormalised, which pulls the expectation inwards:
  by 0.69 bins at 0 and 1 with sigma / bin width = 0.75, fading within three sigma.
"""

import numpy as np
import numpy.typing as npt

from data_pipeline.encoding.values import ValueBins

DEFAULT_SIGMA_BINS = 0.75  # sigma / bin width (Farebrother et al. 2024, appendix A)


def one_hot(win_probs: npt.ArrayLike, bins: ValueBins) -> np.ndarray:
    """Win probabilities [...] -> [..., K] float64: all mass in the value's own bin."""
    return np.eye(bins.count)[bins.bin_of(win_probs)]


def two_hot(win_probs: npt.ArrayLike, bins: ValueBins) -> np.ndarray:
    """Win probabilities [...] -> [..., K] float64: mass on the two nearest centres, mean exact.

    Farebrother et al. 2024, section 3.1; used by MuZero (Schrittwieser et al. 2020, appendix F).
    """
    position = np.asarray(win_probs, np.float64) / bins.width - 0.5  # in bins from the first centre
    position = np.clip(position, 0.0, bins.count - 1.0)
    return np.maximum(0.0, 1.0 - np.abs(position[..., None] - np.arange(bins.count)))


def hl_gauss(
    win_probs: npt.ArrayLike, bins: ValueBins, sigma_bins: float = DEFAULT_SIGMA_BINS
) -> np.ndarray:
    """Win probabilities [...] -> [..., K] float64: a Gaussian's mass in each bin, renormalised.

    Farebrother et al. 2024, section 3.1 (Imani & White 2018): the Gaussian has the value as its
    mean and ``sigma_bins`` bin widths as its standard deviation; the mass outside [0, 1] is cut
    off.
    """
    from scipy.special import ndtr  # here, since it is slow to import and playing has no need of it

    p = np.asarray(win_probs, np.float64)[..., None]
    cdf = ndtr((bins.edges - p) / (sigma_bins * bins.width))
    return np.diff(cdf) / (cdf[..., -1:] - cdf[..., :1])
