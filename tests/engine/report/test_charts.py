"""Charts of a dataset: what is unknown has no panel, what was not counted is 0."""

import re

import numpy as np
import pytest

from engine.report.charts import dataset_stats, page_svgs
from engine.report.sections import card
from model.network.network_file import random_network

EDGES = np.linspace(0, 1, 5).tolist()


def counts(plies: dict[int, int]) -> dict:
    return {
        "positions": 10,
        "value_bins": {0: 4, 3: 6},
        "men": {3: 5, 32: 5},
        "plies": plies,
        "phases": {"opening": 5, "endgame": 5},
    }


@pytest.mark.parametrize(("plies", "panels"), [({-1: 10}, 3), ({-1: 2, 0: 4, 30: 4}, 4)])
def test_panels_of_a_dataset(plies, panels):
    empty = {"positions": 0, "value_bins": {}, "men": {}, "plies": {}, "phases": {}}
    figure = dataset_stats({"train": counts(plies), "test": empty}, EDGES, "title")
    axes = [axis for axis in figure.axes if axis.axison]
    assert len(axes) == panels
    assert all(axis.get_ylim()[0] == 0 for axis in axes)
    (men,) = axes[1].patches
    values, edges, _ = men.get_data()  # pyright: ignore[reportAttributeAccessIssue]
    assert len(values) == 30 and values.sum() == 1 and edges[0] == 3
    assert list(values[1:-1]) == [0] * 28


def test_a_chart_in_a_page_has_no_colour_of_ink_of_its_own():
    svgs = page_svgs(dataset_stats, {"train": counts({0: 10})}, EDGES, "title")
    assert len(svgs) == 4
    for svg in svgs:
        assert svg.startswith("<svg") and "var(--ink)" in svg and "#7b7b84" not in svg
        width, height = re.findall(r'(?:width|height)="([\d.]+)pt"', svg)[:2]
        assert 250 < float(width) < 400 and 150 < float(height) < 300


def test_the_history_of_a_network_is_folded_one_line_a_run():
    training: dict = {"steps": 1, "hours": 1.0, "config": {"steps": 1}}
    for steps in range(2, 16):
        training = {"steps": steps, "config": {"network": {"width": 8}}, "started_from": training}
    text = card(random_network("tiny").with_training(**training))
    history = text.split("<details>")[1]
    assert "15 runs, the last one first" in history
    assert history.count("<tr>") == 16
    assert text.split("<details>")[0].count("<tr>") == 5
