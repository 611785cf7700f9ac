"""The curve from Elo to temperature."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.errors import InputError
from engine.strength import StrengthCurve, curve_of, fit_curve

CURVE = StrengthCurve((0.0, 0.05, 0.2), (1500.5, 1300.0, 900.5))


@pytest.mark.parametrize(
    ("elo", "temperature"),
    [(2000, 0), (1500.5, 0), (1300, 0.05), (1100.25, 0.125), (900.5, 0.2), (0, 0.2)],
)
def test_temperatures(elo, temperature):
    assert CURVE.temperature(elo) == pytest.approx(temperature)


@given(st.floats(800, 1600), st.floats(800, 1600))
def test_stronger_is_never_hotter(a, b):
    assert (a - b) * (CURVE.temperature(a) - CURVE.temperature(b)) <= 0


def test_the_range_is_what_was_measured():
    assert CURVE.elo_range == (901, 1500)


def test_a_network_carries_its_curve():
    assert curve_of({"strength": CURVE.to_training()}) == CURVE
    assert curve_of({}) is None


def test_noise_is_smoothed_and_level_points_merged():
    curve = fit_curve([0.1, 0.0, 0.05, 0.2], [1310, 1500, 1290, 1000], [100, 100, 100, 50])
    assert curve.temperatures == pytest.approx((0, 0.075, 0.2))
    assert curve.elos == pytest.approx((1500, 1300, 1000))


@pytest.mark.parametrize("elos", [(1000,), (1000, 1100), (1000, 1000)])
def test_a_curve_that_does_not_fall_is_refused(elos):
    with pytest.raises(InputError, match="expected"):
        StrengthCurve((0.0, 0.1), elos)
