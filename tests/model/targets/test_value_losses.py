"""Value losses: closed forms, gradients, and where each loss is least."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from model.targets import value_losses as vl

BINS = 16
VALUES = np.linspace(0, 1, 1001)
WITH_LABELS = {
    "two-hot": vl.two_hot,
    "one-hot": vl.one_hot,
    "hl-gauss": partial(vl.hl_gauss, sigma_bins=0.75),
    "c51": vl.two_atoms,
}


@pytest.fixture(autouse=True, scope="module")
def double_precision():
    with jax.enable_x64(True):
        yield


def outputs_of(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(*shape, BINS))


@pytest.mark.parametrize("name", vl.LOSSES)
def test_shapes(name):
    value_loss = vl.value_loss(name)
    outputs, targets = outputs_of(0, 3, 2), np.random.default_rng(1).uniform(size=(3, 2))
    assert value_loss.loss(outputs, targets).shape == (3, 2)
    assert value_loss.predict(outputs).shape == (3, 2)


@pytest.mark.parametrize("name", vl.LOSSES)
@pytest.mark.parametrize("target", [0.0, 0.03, 0.4, 1.0])
def test_gradients_are_those_of_finite_differences(name, target):
    loss, outputs = vl.value_loss(name).loss, outputs_of(2)
    gradient = jax.grad(lambda o: loss(o, jnp.asarray(target)))(outputs)
    steps = 1e-5 * np.eye(BINS)
    targets = np.full(BINS, target)
    numeric = (loss(outputs + steps, targets) - loss(outputs - steps, targets)) / 2e-5
    np.testing.assert_allclose(gradient, numeric, atol=1e-9)
    assert np.abs(gradient).max() > 1e-4


@pytest.mark.parametrize("name", WITH_LABELS)
def test_the_gradient_of_a_classification_is_softmax_minus_label(name):
    outputs, target = outputs_of(3), jnp.asarray(0.37)
    gradient = jax.grad(lambda o: vl.value_loss(name).loss(o, target))(outputs)
    label = WITH_LABELS[name](target, BINS)
    np.testing.assert_allclose(gradient, jax.nn.softmax(outputs) - label, atol=1e-9)


def test_gradients_of_the_regressions():
    outputs, target = outputs_of(4), 0.37
    error = 0.5 + outputs.mean() - target
    gradient = jax.grad(vl.value_loss("squared-error").loss)(outputs, target)
    np.testing.assert_allclose(gradient, np.full(BINS, 2 * error / BINS), rtol=1e-9)
    p, z = jax.nn.softmax(outputs), vl.bin_centres(BINS)
    gradient = jax.grad(vl.value_loss("softmax-squared-error").loss)(outputs, target)
    np.testing.assert_allclose(gradient, 2 * (p @ z - target) * p * (z - p @ z), rtol=1e-6)


@pytest.mark.parametrize("name", WITH_LABELS)
@pytest.mark.parametrize("bins", [2, 7, 64])
def test_labels_are_distributions(name, bins):
    label = WITH_LABELS[name](VALUES.reshape(-1, 1), bins)
    assert label.shape == (len(VALUES), 1, bins)
    assert label.min() >= 0
    np.testing.assert_allclose(label.sum(axis=-1), 1)


@pytest.mark.parametrize("bins", [2, 7, 64])
def test_the_mean_of_two_hot_is_exact(bins):
    centres = vl.bin_centres(bins)
    label = vl.two_hot(VALUES, bins)
    np.testing.assert_allclose(label @ centres, np.clip(VALUES, centres[0], centres[-1]))
    np.testing.assert_allclose(vl.two_atoms(VALUES, bins) @ vl.atoms(bins), VALUES, atol=1e-12)
    assert ((label > 0).sum(axis=-1) <= 2).all()


@pytest.mark.parametrize("sigma_bins", [0.5, 0.75, 2])
@pytest.mark.parametrize("bins", [20, 64])
def test_hl_gauss_keeps_its_mean_away_from_the_ends(bins, sigma_bins):
    margin = 4 * sigma_bins / bins
    values = np.linspace(margin, 1 - margin, 1001)
    means = vl.hl_gauss(values, bins, sigma_bins) @ vl.bin_centres(bins)
    # Binning a Gaussian moves its mean by a sine of this height, in bins (the first Fourier term).
    ripple = np.exp(-2 * (np.pi * sigma_bins) ** 2) / np.pi
    np.testing.assert_allclose((means - values) * bins, 0, atol=1.1 * ripple + 1e-3)


def test_hl_gauss_at_the_ends_is_a_half_gaussian():
    bins, sigma_bins = 64, 0.75
    label = vl.hl_gauss(np.array([0.0, 1.0]), bins, sigma_bins)
    np.testing.assert_allclose(label[0], label[1][::-1], atol=1e-12)
    mean = label[0] @ (jnp.arange(bins) + 0.5)
    assert mean == pytest.approx(0.69, abs=0.005)  # bins; 0.598 = sigma sqrt(2 / pi) unbinned


def test_hl_gauss_tends_to_one_hot():
    values = (np.arange(BINS) + np.linspace(0.2, 0.8, BINS)) / BINS
    one_hot = vl.one_hot(values, BINS)
    distances = [
        np.abs(vl.hl_gauss(values, BINS, sigma) - one_hot).max() for sigma in (0.5, 0.1, 0.02)
    ]
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 0.1 and distances[-1] < 1e-12


def test_golden_labels():
    assert vl.one_hot(np.array([0.0, 0.25, 0.3, 1.0]), 4).argmax(axis=-1).tolist() == [0, 0, 1, 3]
    np.testing.assert_allclose(vl.two_hot(np.array(0.3), 4), [0.3, 0.7, 0, 0], atol=1e-12)
    np.testing.assert_allclose(vl.two_atoms(np.array(0.3), 5), [0, 0.8, 0.2, 0, 0], atol=1e-12)
    # Normal masses of N(0.5, 0.1875) in quarters of [0, 1].
    expected = [0.08806, 0.41194, 0.41194, 0.08806]
    np.testing.assert_allclose(vl.hl_gauss(np.array(0.5), 4, 0.75), expected, atol=1e-5)


@pytest.mark.parametrize("count", [2, 7, 51])
def test_projection_keeps_mass_and_inside_the_support_the_mean(count):
    rng = np.random.default_rng(count)
    values, weights = rng.uniform(size=(20, 7)), rng.dirichlet(np.ones(7), size=20)
    for moved in (values, values + rng.choice([-2, 0, 2], size=values.shape)):
        projected = vl.project(moved, weights, count)
        assert projected.min() >= 0
        np.testing.assert_allclose(projected.sum(axis=-1), 1)
        means = (np.clip(moved, 0, 1) * weights).sum(axis=-1)
        np.testing.assert_allclose(projected @ vl.atoms(count), means, atol=1e-12)


def test_projection_leaves_a_distribution_on_the_atoms_as_it_is():
    distribution = jax.nn.softmax(outputs_of(5))
    projected = vl.project(vl.atoms(BINS), distribution, BINS)
    np.testing.assert_allclose(projected, distribution, atol=1e-12)


def test_bellman_targets():
    distributions = jax.nn.softmax(outputs_of(6, 4))
    means = distributions @ vl.atoms(BINS)
    rewards, discounts = np.array([0.3, 0.0, 0.1, 1.0]), np.array([0.0, 1.0, 0.5, -1.0])
    targets = vl.bellman_target(distributions, rewards, discounts)
    np.testing.assert_allclose(targets @ vl.atoms(BINS), rewards + discounts * means, atol=1e-12)
    np.testing.assert_allclose(targets[0], vl.two_atoms(np.array(0.3), BINS), atol=1e-12)
    np.testing.assert_allclose(targets[1], distributions[1], atol=1e-12)
    np.testing.assert_allclose(targets[3], distributions[3][::-1], atol=1e-12)


def mean_gradient(name: vl.LossName, outputs, targets: np.ndarray) -> jax.Array:
    """Of the mean loss of the same outputs [K] over many targets."""
    loss = jax.vmap(vl.value_loss(name).loss, in_axes=(None, 0))
    return jax.grad(lambda o: loss(o, targets).mean())(jnp.asarray(outputs))


@pytest.mark.parametrize("name", WITH_LABELS)
def test_a_classification_is_least_at_the_mean_of_the_labels(name):
    """Cross-entropy is convex in the outputs, so it is least where its gradient is zero."""
    targets = np.random.default_rng(7).uniform(0.0, 1.0, 200)
    best = np.log(WITH_LABELS[name](targets, BINS).mean(axis=0))
    np.testing.assert_allclose(mean_gradient(name, best, targets), 0, atol=1e-9)
    assert np.abs(mean_gradient(name, best + np.eye(BINS)[3], targets)).max() > 0.01
    # and so its prediction is the targets' mean: exactly, but for what a label does to its value
    tolerance = {"one-hot": 0.5 / BINS, "hl-gauss": 0.7 / BINS, "two-hot": 0.5 / BINS}
    prediction = vl.value_loss(name).predict(best)
    assert prediction == pytest.approx(targets.mean(), abs=tolerance.get(name, 1e-9))


def test_two_hot_learns_the_mean_of_noisy_targets_exactly():
    targets = np.random.default_rng(8).choice([0.25, 0.3, 0.7], size=200)
    best = np.log(vl.two_hot(targets, BINS).mean(axis=0) + 1e-12)
    assert vl.value_loss("two-hot").predict(best) == pytest.approx(targets.mean(), abs=1e-9)


@pytest.mark.parametrize("name", ["squared-error", "softmax-squared-error"])
def test_a_regression_is_least_where_it_predicts_the_mean_of_the_targets(name):
    targets = np.random.default_rng(9).choice([0.25, 0.3, 0.7], size=200)
    predict, direction = vl.value_loss(name).predict, vl.bin_centres(BINS)
    low, high = -100.0, 100.0
    for _ in range(60):  # how far along a direction the prediction is the mean
        middle = (low + high) / 2
        low, high = (
            (middle, high) if predict(middle * direction) < targets.mean() else (low, middle)
        )
    np.testing.assert_allclose(mean_gradient(name, low * direction, targets), 0, atol=1e-9)
    for step in (-0.1, 0.1):
        gradient = mean_gradient(name, (low + step) * direction, targets)
        assert gradient @ direction * step > 0


@pytest.mark.parametrize("name", vl.LOSSES)
def test_descent_moves_the_prediction_to_the_target(name):
    value_loss, target = vl.value_loss(name), jnp.asarray(0.8)
    rate = 5.0 if "squared" in name else 1.0

    def step(_, outputs):
        return outputs - rate * jax.grad(lambda o: value_loss.loss(o, target))(outputs)

    outputs = jax.lax.fori_loop(0, 2000, step, jnp.asarray(outputs_of(9)))
    assert value_loss.predict(outputs) == pytest.approx(0.8, abs=0.51 / BINS)
