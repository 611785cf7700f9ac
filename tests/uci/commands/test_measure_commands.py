"""The measuring commands from end to end, on an untrained network: JSON forms, files, bad input."""

import base64
import json
import re
import shutil
import subprocess

import chess
import numpy as np
import pytest

from data_pipeline.dataset.dataset import FORMAT_VERSION, shard_name
from tests.helpers.random_chess import scored_records
from uci.cli import main

PUZZLES = """PuzzleId,FEN,Moves,Rating,Themes
b1,6k1/5ppp/8/8/1p6/7P/5PP1/R3R1K1 b - - 0 1,b4b3 e1e8,900,mate mateIn1
l1,8/8/4k1p1/2KpP2p/5PP1/8/8/8 w - - 0 53,g4h5 g6h5 f4f5 e6e5 f5f6 e5f6,1556,endgame
x1,8/8/4k1p1/2KpP2p/5PP1/8/8/8 w - - 0 53,g4h5,1556,endgame
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with a tiny network, a dataset, puzzles and a training log."""
    import bagz

    from model.network.network_file import random_network, save_network

    place = tmp_path_factory.mktemp("measure")
    save_network(random_network("tiny"), place / "tiny.safetensors")
    data = place / "data"
    data.mkdir()
    encoded = scored_records(40)
    with bagz.Writer(data / shard_name("test", 0, 1)) as writer:
        for record in encoded:
            writer.write(record)
    manifest = {"format_version": FORMAT_VERSION, "shards": 1, "bins": 64}
    (data / "dataset.json").write_text(json.dumps(manifest | {"counts": {"test": 40}}))
    (place / "puzzles.csv").write_text(PUZZLES)
    log = [{"step": s, "kind": "evaluation", "agreement": s / 9, "regret": 1 / s} for s in (1, 2)]
    (place / "metrics.jsonl").write_text("\n".join(map(json.dumps, log)))
    return place


def run(capsys, *argv) -> tuple[int, str, str]:
    """Exit status, standard output and error of ``argmax`` with these arguments."""
    status = main([str(word) for word in argv])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_puzzles(place, capsys):
    picture = place / "curve.svg"
    status, out, err = run(
        capsys, "puzzles", place / "puzzles.csv", "--network", place / "tiny.safetensors",
        "--picture", picture, "--json",
    )  # fmt: skip
    figures = json.loads(out)
    assert status == 0 and figures["total"] == 2 and figures["solved"] >= 1  # mates are seen
    assert {"solve_rate", "interval_95", "bands", "seconds", "themes"} <= set(figures)
    assert figures["bad_lines"][0]["line"] == 4 and "puzzles.csv:4" in err
    assert picture.read_text().startswith("<?xml")
    (place / "none.csv").write_text("PuzzleId,FEN,Moves,Rating\n")
    status, _, err = run(capsys, "puzzles", place / "none.csv")
    assert status == 2 and len(err.splitlines()) == 1


def test_evaluate(place, capsys):
    status, out, _ = run(
        capsys, "evaluate", "--data", place / "data", "--network", place / "tiny.safetensors",
        "--picture", place / "calibration.png", "--json",
    )  # fmt: skip
    figures = json.loads(out)
    assert status == 0 and figures["positions"] == 40
    for name in ("agreement", "regret", "kendall_tau_b", "log_loss", "squared_error"):
        low, high = figures["intervals_95"][name]
        assert low <= figures[name] <= high
    assert figures["calibration_error"] > 0
    assert (place / "calibration.png").read_bytes().startswith(b"\x89PNG")
    status, _, err = run(capsys, "evaluate", "--data", place / "data", "--split", "train")
    assert status == 2 and "none" in err


def test_evaluate_several_datasets_and_games(place, capsys):
    pgn = place / "finished.pgn"
    pgn.write_text('[Result "1-0"]\n\n1. e4 e5 2. Qh5 Nc6 3. Bc4 Nf6 4. Qxf7# 1-0\n')
    tiny = ("evaluate", "--network", place / "tiny.safetensors", "--limit", "8")
    both = ("--data", place / "data", place / "data")
    status, out, _ = run(capsys, *tiny, *both, "--games", pgn, "--json")
    figures = json.loads(out)
    assert status == 0 and [part["positions"] for part in figures["datasets"]] == [8, 8]
    assert figures["datasets"][0]["regret"] == figures["datasets"][1]["regret"]
    assert figures["games"]["positions"] == 7 and figures["games"]["calibration_error"] > 0
    status, out, _ = run(capsys, *tiny, *both, "--games", pgn)
    assert status == 0 and out.count(str(place / "data")[:12]) >= 2 and "7 positions of 1" in out
    for wrong, said in (((), "neither"), ((*both, "--picture", place / "x.svg"), "one dataset")):
        status, _, err = run(capsys, "evaluate", *wrong)
        assert status == 2 and said in err


def test_match_then_elo(place, capsys):
    pgn = place / "games.pgn"
    players = (f"network:{place / 'tiny.safetensors'}", "random")
    match = ("match", "--opponents", *players, "--max-moves", "30", "--pgn", pgn, "--json")
    status, out, _ = run(capsys, *match, "--games", "2")
    assert status == 0 and json.loads(out)["games"] == 2
    status, out, err = run(capsys, *match, "--games", "4")
    figures = json.loads(out)
    assert status == 0 and figures["games"] == 4 and "2 of 4 games" in err
    (line,) = figures["pairings"]
    assert line["wins"] + line["draws"] + line["losses"] == 4 and line["a"] == "tiny"
    assert line["elo_interval_95"][0] <= line["elo"] <= line["elo_interval_95"][1]
    status, out, _ = run(capsys, "elo", pgn, "--anchor", "random=100", "--json")
    ratings = json.loads(out)["ratings"]
    assert status == 0 and ratings["random"]["elo"] == 100 and ratings["tiny"]["games"] == 4
    assert ratings["tiny"]["elo"] - 100 == pytest.approx(line["elo"], abs=0.5)


def test_elo_of_wrong_files(place, capsys):
    empty = place / "empty.pgn"
    empty.write_text("")
    for argv, said in (
        ((empty,), "found none"),
        ((place / "absent.pgn",), "absent.pgn"),
        ((empty, "--anchor", "x"), "NAME=ELO"),
    ):
        status, _, err = run(capsys, "elo", *argv)
        assert status == 2 and (said in err or "found none" in err) and len(err.splitlines()) == 1


@pytest.fixture(scope="module")
def report_page(place):
    """The whole report of the tiny network."""
    ladder = {
        "elo": 1000.0, "interval_95": [950.0, 1050.0], "games": 60, "scale": "<none>",
        "pairings": [{"a": "tiny", "b": "level", "wins": 1, "draws": 2, "losses": 3}],
        "ms_per_move": {"tiny": 3.0},
    }  # fmt: skip
    (place / "ladder.json").write_text(json.dumps(ladder))
    argv = ["report", "--network", "tiny.safetensors", "--out", "out", "--data", "data"]
    argv += ["--puzzles", "puzzles.csv", "--ladder", "ladder.json", "--log", "metrics.jsonl"]
    argv += ["--mistakes", "2"]
    files = [str(place / word) if (place / word).exists() else word for word in argv]
    files[files.index("out")] = str(place / "out")
    assert main(files) == 0
    return place / "out" / "index.html"


def test_report_is_whole_and_names_no_address(report_page):
    text = report_page.read_text()
    for title in ("The network", "Learning", "Puzzles", "Rating", "calibration", "mistakes"):
        assert title in text
    assert text.count("<img ") == 3 + 6 + 2
    assert not re.search(r"(src|href)=\"(?!data:)", text) and "http" not in text
    assert "&lt;none&gt;" in text
    assert text.index("Puzzles</h2>") < text.index("The network</h2>")


def test_charts_follow_the_colours_of_the_page(report_page):
    found = re.findall(r"base64,([A-Za-z0-9+/=]+)", report_page.read_text())
    pictures = [base64.b64decode(data).decode() for data in found]
    assert all("prefers-color-scheme: dark" in picture for picture in pictures)
    charts = [picture for picture in pictures if "matplotlib" in picture]
    assert len(charts) == 3 and all("var(--ink)" in chart for chart in charts)


def test_report_in_a_browser(report_page, tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on the path ('apt-get install chromium')")
    shot = tmp_path / "page.png"
    argv = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--screenshot={shot}"]
    argv += ["--window-size=1100,2400", f"--user-data-dir={tmp_path / 'profile'}"]
    subprocess.run([*argv, report_page.as_uri()], check=True, capture_output=True, timeout=120)
    assert shot.stat().st_size > 50_000  # an empty page is far smaller


def test_gallery_positions_can_be_played():
    from engine.report.sections import GALLERY, worst

    assert all(chess.Board(fen).is_valid() for _, fen in GALLERY)
    assert worst(np.array([0.1, np.nan, 0.5, 0.0]), 3) == [2, 0]
