"""Network files that are none, or hold something odd: what every command makes of them."""

import json
import os
import struct

import pytest
from safetensors.numpy import load_file, save_file

from data_pipeline.common.errors import InputError
from model.network.network_file import (
    METADATA_KEY,
    checksum,
    load_network,
    random_network,
    read_metadata,
    save_network,
)
from tests.helpers.dialogue import Dialogue, load_fake
from uci.cli import main
from uci.protocol.network_slot import load


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("networks") / "good.safetensors"
    save_network(random_network("tiny").with_training(steps=7), path)
    return path


def rewritten(good, path, **changes):
    metadata, tensors = read_metadata(good) | changes, load_file(good)
    metadata["checksum"] = checksum(metadata, tensors)
    save_file(tensors, path, {METADATA_KEY: json.dumps(metadata)})


def with_header(good, path, change) -> None:
    """Write the file again with its safetensors header changed."""
    data = good.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    change(next(entry for name, entry in header.items() if name != "__metadata__"))
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


REFUSED = {
    "missing": lambda good, path: None,
    "folder": lambda good, path: path.mkdir(),
    "pipe": lambda good, path: os.mkfifo(path),
    "loop": lambda good, path: path.symlink_to(path),
    "empty": lambda good, path: path.write_bytes(b""),
    "page": lambda good, path: path.write_text("<!DOCTYPE html><title>Not found</title>"),
    "pointer": lambda good, path: path.write_text("version https://git-lfs.github.com/spec/v1\n"),
    "cut": lambda good, path: path.write_bytes(good.read_bytes()[:-9]),
    "longer": lambda good, path: path.write_bytes(good.read_bytes() + b"more"),
    "type": lambda good, path: with_header(good, path, lambda tensor: tensor.update(dtype="BF16")),
    "shape": lambda good, path: with_header(good, path, lambda tensor: tensor.update(shape=[-1])),
    "width": lambda good, path: rewritten(
        good, path, config=read_metadata(good)["config"] | {"width": 0}
    ),
}


@pytest.fixture(params=REFUSED)
def refused(request, good, tmp_path):
    path = tmp_path / "refused.safetensors"
    REFUSED[request.param](good, path)
    return path


def test_every_command_refuses_them_in_a_line(good, refused, tmp_path, capsys):
    games = tmp_path / "games.pgn"
    games.write_text('[White "a"]\n\n1. e4 e5 *\n')
    out = str(tmp_path / "out")
    for argv in (
        ["play", "--network", refused],
        ["analyse", "8/8/8/8/8/4k3/8/R3K3 w - - 0 1", "--network", refused],
        ["board", "--network", refused, "--port", "0"],
        ["review", games, "--network", refused, "--out", out],
        ["match", "--opponents", "random", f"network:{refused}", "--games", "2"],
        ["endgames", "--player", f"network:{refused}", "--opponent", "random"],
        ["report", "--network", refused, "--out", out],
        ["network", "info", refused],
        ["network", "average", good, refused, "--out", out],
        ["network", "halve", refused, "--out", out],
    ):
        status = main(list(map(str, argv)))
        said = capsys.readouterr().err
        assert (status, len(said.splitlines())) == (2, 1), (argv, said)
        assert refused.name in said, argv
        assert not (tmp_path / "out").exists(), argv


def test_the_engine_keeps_its_network_and_no_training_starts(refused):
    def load_some(path):
        return load(path) if path == refused else load_fake(path)

    with Dialogue(load_some) as gui:
        best = gui.ask("position startpos", "go")[-1]
        lines = gui.ask(f"setoption name Network value {refused}", "isready", answer="readyok")
        assert len(lines) == 2 and "stays in use" in lines[0] and refused.name in lines[0]
        assert gui.ask("go")[-1] == best
    with pytest.raises(InputError):  # as `argmax train --start` loads it, before anything is made
        load_network(refused)


@pytest.mark.parametrize(
    "training",
    [
        {"started_from": 5},
        {"started_from": "text", "steps": [1]},
        {"started_from": [1, 2], "config": 7},
        {"averaged_with": 5, "started_from": {"averaged_with": [3, {"averaged_with": "text"}]}},
        {"started_from": {"started_from": {"config": []}}, "teacher": {"a": 1}},
        {"teacher": "\x1b[2J\ud800\u202e<script>[/bold]", "hours": None},
    ],
)
def test_odd_records_and_names_are_shown_as_they_are(good, tmp_path, capsys, training):
    path = tmp_path / "odd.safetensors"
    name = "\x1b[2J\ud800<script>[/nope]"
    rewritten(good, path, training=training, name=name)
    assert main(["network", "info", str(path)]) == 0
    assert main(["network", "info", str(path), "--json"]) == 0
    assert main(["network", "average", str(good), str(path), "--out", str(tmp_path / "mean")]) == 0
    assert main(["report", "--network", str(path), "--out", str(tmp_path)]) == 0
    page = (tmp_path / "index.html").read_text()
    assert "&lt;script&gt;[/nope]" in page
    said = "".join(capsys.readouterr())
    assert all(mark == "\n" or mark.isprintable() for mark in said + page.replace("\t", ""))
