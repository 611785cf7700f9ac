"""The curve from Elo to temperature."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.common.errors import InputError
from engine.play.strength import StrengthCurve, curve_of, fit_curve, read_curve
from model.network.network_file import load_network, random_network, save_network
from uci import cli

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


@pytest.fixture
def network(tmp_path):
    path = tmp_path / "tiny.safetensors"
    save_network(random_network("tiny"), path)
    return path


def write_ratings(path, **elos):
    names = {name.replace("_", " temperature="): elo for name, elo in elos.items()}
    ratings = {name: {"elo": elo, "games": 100} for name, elo in names.items()}
    path.write_text(json.dumps({"ratings": ratings}))
    return str(path)


def test_the_command_stores_the_curve_in_the_network(network, tmp_path):
    assert read_curve(network) is None
    ratings = write_ratings(tmp_path / "ratings.json", argmax=1500, argmax_1=900, other=2000)
    assert cli.main(["network", "strength", ratings, "--network", str(network)]) == 0
    expected = StrengthCurve((0.0, 1.0), (1500.0, 900.0))
    assert read_curve(network) == curve_of(load_network(network).training) == expected


def test_ratings_without_two_temperatures_are_refused(network, tmp_path, capsys):
    before = network.read_bytes()
    for text in ("{", "{}", '{"ratings": {"argmax": {"elo": 1, "games": 1}}}'):
        (tmp_path / "ratings.json").write_text(text)
        ratings = str(tmp_path / "ratings.json")
        assert cli.main(["network", "strength", ratings, "--network", str(network)]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert network.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"text", b"\xff" * 100])
def test_a_file_that_is_no_network_has_no_curve(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    assert read_curve(path) is None
    assert read_curve(tmp_path / "nowhere") is None
