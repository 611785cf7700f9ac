"""Means of networks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_pipeline.common.errors import InputError
from model.network.averaging import average
from model.network.network_file import load_network, random_network, save_network
from uci import cli


def test_a_network_averaged_with_itself_is_itself():
    network = random_network("tiny")
    mean = average([network, network])
    for module, arrays in network.params.items():
        for name, array in arrays.items():
            np.testing.assert_array_equal(mean.params[module][name], array)


def test_means_are_written(tmp_path):
    networks = [random_network("tiny", seed).with_training(seed=seed) for seed in (0, 1, 2)]
    paths = [tmp_path / f"{number}.safetensors" for number in range(3)]
    for network, path in zip(networks, paths, strict=True):
        save_network(network, path)
    out = tmp_path / "mean.safetensors"
    assert cli.main(["network", "average", *map(str, paths), "--out", str(out)]) == 0
    mean = load_network(out)
    module, name = "~", "pieces"
    expected = sum(network.params[module][name] for network in networks) / 3
    np.testing.assert_allclose(mean.params[module][name], expected, rtol=1e-5, atol=1e-7)
    shares = mean.training.pop("average_shares")
    assert mean.training == {"seed": 0, "averaged_with": [{"seed": 1}, {"seed": 2}]}
    np.testing.assert_allclose(shares, [1 / 3] * 3)


def test_networks_can_have_different_weights(tmp_path):
    networks = [random_network("tiny", seed) for seed in (0, 1)]
    paths = [str(tmp_path / f"{number}.safetensors") for number in range(2)]
    for network, path in zip(networks, paths, strict=True):
        save_network(network, Path(path))
    out = tmp_path / "mean.safetensors"
    command = ["network", "average", *paths, "--weights", "3", "1", "--out", str(out)]
    assert cli.main(command) == 0
    mean = load_network(out)
    assert mean.training["average_shares"] == [0.75, 0.25]
    for module, arrays in mean.params.items():
        for name, array in arrays.items():
            first, second = (network.params[module][name] for network in networks)
            np.testing.assert_allclose(array, 0.75 * first + 0.25 * second, rtol=1e-5, atol=1e-6)
    only = average(networks, [0, 2])
    np.testing.assert_array_equal(only.params["~"]["pieces"], networks[1].params["~"]["pieces"])


def test_what_has_no_mean_is_refused():
    network = random_network("tiny")
    with pytest.raises(InputError, match="two networks or more to average, found 1"):
        average([network])
    other = replace(network, config=replace(network.config, mate_range=0.1))
    with pytest.raises(InputError, match="with another mate_range"):
        average([network, other])
    with pytest.raises(InputError, match="expected networks of one configuration"):
        average([network, random_network("sequence-tiny")])
    for weights in ([1.0], [0.0, 0.0], [2.0, -1.0], [float("nan"), 1.0]):
        with pytest.raises(InputError, match="a weight for each of 2 networks"):
            average([network, network], weights)
