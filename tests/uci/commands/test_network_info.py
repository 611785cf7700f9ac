"""What `argmax network info` says of the network that ships."""

import json

from engine.networks import shipped_network
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
    record, runs = info["training"], 0
    while record := record.get("started_from"):
        runs += 1
        assert f"{record['steps']}" in text.split("the run before")[runs]
    assert text.count("the run before") == runs > 0


def test_the_shipped_network_is_small_enough_to_ship():
    assert shipped_network().stat().st_size < 10 * 2**20
