"""What `argmax network info` says of the network that ships, and of files with a checksum."""

import json
import re

from safetensors import safe_open
from safetensors.numpy import save_file

from engine.networks import shipped_network
from model.config import preset
from model.network.architecture import init_params
from model.network.network_file import METADATA_KEY, Network, save_network
from uci.cli import main


def test_as_text_and_as_json(capsys):
    assert main(["network", "info"]) == 0
    text = capsys.readouterr().out
    assert main(["network", "info", str(shipped_network()), "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["layout"] == "board"
    assert info["parameters"] > 1_000_000
    for name in ("steps", "hours", "teacher"):
        assert str(info["training"][name]) in text
    record, runs, others = info["training"], 0, 0
    while True:
        others += len(record.get("averaged_with", []))
        if not (record := record.get("started_from")):
            break
        runs += 1
        assert f"{record['steps']}" in text.split("the run before")[runs]
    assert text.count("the run before") == runs > 0
    assert text.count("averaged with") == others > 0
    assert max(map(len, text.splitlines())) < 200


def test_the_shipped_network_is_small_enough_to_ship():
    assert shipped_network().stat().st_size <= 16 * 2**20


def test_whether_the_file_has_a_checksum(tmp_path, capsys):
    config = preset("tiny").network
    network = Network(config, init_params(config, 0))
    save_network(network, tmp_path / "new.safetensors")
    with safe_open(tmp_path / "new.safetensors", "np") as file:
        metadata = json.loads(file.metadata()[METADATA_KEY])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    del metadata["checksum"]
    save_file(tensors, tmp_path / "old.safetensors", {METADATA_KEY: json.dumps(metadata)})
    for name, expected in (("new", "ok"), ("old", "none (written by an earlier version)")):
        assert main(["network", "info", str(tmp_path / f"{name}.safetensors")]) == 0
        assert re.findall(r"^checksum +(.*)$", capsys.readouterr().out, re.M) == [expected]
