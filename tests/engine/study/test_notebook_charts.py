"""Heat maps on boards, and charts of distributions and attention."""

import xml.etree.ElementTree as ET

import chess
import numpy as np
import pytest
from matplotlib.colors import to_rgba

from engine.play.engine import SearchlessEngine
from engine.report import charts
from engine.study.board_charts import HeatMap, heat_maps
from engine.study.network_charts import move_ridges, relation_table
from tests.helpers.fakes import FakePredictor

SVG = "{http://www.w3.org/2000/svg}"


def label_place(board: chess.Board, square: int) -> tuple[float, float]:
    root = ET.fromstring(heat_maps([HeatMap("a < b", board, labels={square: "here"})]))
    (label,) = [text for text in root.iter(f"{SVG}text") if text.text == "here"]
    assert "a < b" in [text.text for text in root.iter(f"{SVG}text")]
    return float(label.get("x", 0)), float(label.get("y", 0))


def test_labels_stand_on_their_square_from_the_side_to_move():
    board = chess.Board()
    x, y = label_place(board, chess.A1)
    assert 15 < x < 60 and 330 < y < 375
    x, y = label_place(board, chess.B1)
    assert 60 < x < 105 and 330 < y < 375
    board.push_san("e4")
    x, y = label_place(board, chess.A1)
    assert 330 < x < 375 and 15 < y < 60


def test_heat_is_a_colour_by_sign_and_strength():
    heat = {chess.E4: 0.5, chess.E5: -1.0, chess.D4: 0.0}
    root = ET.fromstring(heat_maps([HeatMap("", chess.Board(), heat)]))
    found = {
        (float(rect.get("x", 0)) // 45, float(rect.get("y", 0)) // 45): rect
        for rect in root.iter(f"{SVG}rect")
        if rect.get("fill") in ("#e8590c", "#1c7ed6")
    }
    colours = {
        place: (rect.get("fill"), float(rect.get("opacity", 1))) for place, rect in found.items()
    }
    assert colours == {
        (4, 4): ("#e8590c", pytest.approx(0.46, abs=0.01)),
        (4, 3): ("#1c7ed6", pytest.approx(0.92, abs=0.01)),
        (3, 4): ("#e8590c", 0),
    }


def test_boards_stand_in_rows():
    maps = [HeatMap(str(number), chess.Board()) for number in range(5)]
    wide, tall = (ET.fromstring(heat_maps(maps, columns=c)).get("viewBox") for c in (5, 2))
    assert wide == "0 0 2040 442" and tall == "0 0 816 1326"


def test_charts_for_any_page_have_no_ground_and_one_ink():
    analysis = SearchlessEngine(FakePredictor()).analyse(chess.Board())
    with charts.for_any_page():
        ridges = move_ridges(analysis, shown=50)
        table = relation_table(np.full((2, 3, 4), 0.25), np.full(4, 0.1), "abcd", "title")
    for chart in (ridges, table):
        assert to_rgba(chart.get_facecolor())[3] == 0
        (axis,) = chart.axes
        assert axis.xaxis.label.get_color() == charts.INK
        assert charts.png(chart).startswith(b"\x89PNG")
    assert len(ridges.axes[0].get_yticks()) == 20
    texts = [text.get_text() for text in table.axes[0].texts]
    assert texts == ["10 %"] * 4 + ["25 %"] * 24


def test_the_same_chart_is_the_same_file(tmp_path):
    def saved(name: str) -> bytes:
        table = relation_table(np.full((2, 3, 4), 0.25), np.full(4, 0.1), "abcd", "title")
        charts.save(table, tmp_path / name)
        return (tmp_path / name).read_bytes()

    assert saved("a.svg") == saved("b.svg")
    assert saved("a.png") == saved("b.png")
