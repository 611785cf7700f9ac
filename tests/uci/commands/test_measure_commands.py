"""The measuring commands from end to end, on an untrained network: JSON forms, files, bad input."""

import base64
import json
import re

import chess
import numpy as np
import pytest

from data_pipeline.dataset.dataset import FORMAT_VERSION, SPLITS, shard_name
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
    for split in SPLITS:
        with bagz.Writer(data / shard_name(split, 0, 1)) as writer:
            for record in encoded if split == "test" else ():
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
    assert text.count("<img ") == 1 + 2 + 2 + 2 * (6 + 2)
    assert not re.search(r"(src|href)=\"(?!data:)", text) and "http" not in text
    assert "&lt;none&gt;" in text
    assert text.index("Puzzles</h2>") < text.index("The network</h2>")


def test_charts_follow_the_colours_of_the_page(report_page):
    found = re.findall(r"base64,([A-Za-z0-9+/=]+)", report_page.read_text())
    pictures = [base64.b64decode(data).decode() for data in found]
    assert all("prefers-color-scheme: dark" in picture for picture in pictures)
    charts = [picture for picture in pictures if "matplotlib" in picture]
    assert len(charts) == 1 + 2 + 2 and all("var(--ink)" in chart for chart in charts)


@pytest.fixture(scope="module")
def stats_page(place):
    """The page of a dataset's counts."""
    path = place / "stats.html"
    assert main(["data", "stats", str(place / "data"), "--picture", str(path)]) == 0
    return path


@pytest.mark.parametrize("width", [360, 1200])
def test_pages_fit_a_narrow_and_a_wide_screen(browser, report_page, stats_page, width):
    for path in (report_page, stats_page):
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.goto(path.as_uri())
        page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
        root = "document.documentElement"
        assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
        sizes = page.evaluate(
            "Array.from(document.images, i => [i.naturalWidth, i.clientWidth, i.naturalHeight])"
        )
        assert sizes and all(height > 0 for _, _, height in sizes)
        # Pictures are shown as large as they are, or at least at two thirds of it.
        assert all(shown >= min(natural, 300) for natural, shown, _ in sizes)
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_of_pages_has_contrast(browser, report_page, scheme):
    page = browser.new_page(color_scheme=scheme)
    page.goto(report_page.as_uri())
    colours = page.evaluate(
        """Array.from(document.querySelectorAll("h1, p, td, th, figcaption, .faint"),
            e => getComputedStyle(e).color)"""
    )
    ground = 255 if scheme == "light" else 18  # Chromium's canvas
    for colour in set(colours):
        rgb = [int(number) for number in re.findall(r"\d+", colour)[:3]]
        lights = sorted([_luminance(rgb), _luminance([ground] * 3)])
        assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 4.5, colour
    page.close()


def _luminance(rgb: list[int]) -> float:
    """The relative luminance of WCAG."""
    parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--log", "[]"),
        ("--log", "{"),
        ("--log", '{"kind": "evaluation"}'),
        ("--log", '{"kind": "evaluation", "step": 1, "regret": "low"}'),
        ("--log", '{"kind": "evaluation", "step": [], "regret": 1}'),
        ("--log", "\xff"),
        ("--ladder", "[]"),
        ("--ladder", "{"),
        ("--ladder", '{"elo": 1}'),
        ("--ladder", '{"elo": "x", "interval_95": [1, 2], "games": 1, "pairings": []}'),
        ("--ladder", '{"elo": 1, "interval_95": 3, "games": 1, "pairings": [1]}'),
        ("--ladder", "[" * 100_000),
    ],
)
def test_a_report_from_other_files_is_refused_in_a_line(tmp_path, capsys, option, text):
    path = tmp_path / "file"
    path.write_bytes(text.encode("latin-1"))
    status, _, err = run(capsys, "report", "--out", tmp_path / "out", option, path)
    assert status == 2 and str(path) in err and len(err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_gallery_positions_can_be_played():
    from engine.report.sections import GALLERY, worst

    assert all(chess.Board(fen).is_valid() for _, fen in GALLERY)
    assert worst(np.array([0.1, np.nan, 0.5, 0.0]), 3) == [2, 0]
