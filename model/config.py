"""What a network and a training run are made of: frozen, checked where they are made."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from data_pipeline.errors import InputError

ComputeDtype = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class NetworkConfig:
    """The shape of a network of the `board` layout; see `model.transformer`."""

    layout: str = "board"
    width: int = 128
    layers: int = 6
    """Trunk layers, over the 64 squares."""
    decoder_layers: int = 1
    """Layers of the move decoder, over the legal moves."""
    heads: int = 4
    widening: int = 2
    """Width of the feed-forward layers, in multiples of `width`."""
    head_width: int = 256
    """Width of the hidden layer between a move's token and its bins."""
    bins: int = 64

    def __post_init__(self) -> None:
        if self.layout != "board":
            raise InputError(f"expected the layout 'board', found '{self.layout}'")
        for name in ("width", "layers", "heads", "widening", "head_width", "bins"):
            if getattr(self, name) < 1:
                raise InputError(f"expected {name} of at least 1, found {getattr(self, name)}")
        if self.decoder_layers < 0:
            raise InputError(f"expected decoder_layers of at least 0, found {self.decoder_layers}")
        if self.width % self.heads:
            raise InputError(f"width {self.width} must divide by heads {self.heads}")

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "NetworkConfig":
        """The inverse of `to_dict`. Raises InputError for fields that are not known here."""
        try:
            return cls(**fields)
        except TypeError as error:
            raise InputError(f"expected the fields of a network's configuration, {error}") from None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class LossConfig:
    """How a position's moves are scored against the teacher's; see `model.losses`."""

    sigma_bins: float = 0.75
    """HL-Gauss: sigma in bin widths."""
    ranking_weight: float = 1.0
    ranking_temperature: float = 0.05
    """In win probability."""
    state_value_weight: float = 0.1


@dataclass(frozen=True)
class OptimizerConfig:
    """Muon for the layers' matrices, AdamW for the rest; warm-up, then cosine decay."""

    muon_learning_rate: float = 0.01
    adam_learning_rate: float = 1e-3
    adam_b2: float = 0.98
    weight_decay: float = 0.01
    warmup_share: float = 0.05
    """Of all steps."""
    final_share: float = 0.02
    """The learning rate at the end, as a share of its peak."""
    clip_norm: float = 1.0
    ema_decay: float = 0.999


@dataclass(frozen=True)
class Preset:
    """A network's shape and the batch that suits it."""

    network: NetworkConfig
    batch_size: int = 128


PRESETS: dict[str, Preset] = {
    "tiny": Preset(NetworkConfig(width=32, layers=2, heads=2, head_width=64), batch_size=32),
    "small": Preset(NetworkConfig()),
    "medium": Preset(NetworkConfig(width=256, layers=8, decoder_layers=2, heads=8, head_width=512)),
    "9M": Preset(
        NetworkConfig(width=320, layers=10, decoder_layers=2, heads=10, head_width=512), 256
    ),
}
"""Networks by size: tiny for tests (0.03 M parameters), small for two cores (1.1 M)."""


def preset(name: str, **changes: Any) -> Preset:
    """A preset by name, with fields of its network changed. Raises InputError if there is none."""
    if name not in PRESETS:
        raise InputError(f"expected a preset ({', '.join(PRESETS)}), found '{name}'")
    return replace(PRESETS[name], network=replace(PRESETS[name].network, **changes))
