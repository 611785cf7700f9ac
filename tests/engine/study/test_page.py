"""The study as Markdown: claims, differences with the right signs, marks filled in place."""

from dataclasses import replace

import pytest

from data_pipeline.common.errors import InputError
from engine.study.claims import best_rate, claims
from engine.study.grid import Cell, cells_of
from engine.study.page import fill, text_of
from engine.study.table import Table

BASE = Cell()
SEEDS = 3


def table_of(*names: str, **worse: float) -> Table:
    """The cells of studies; a loss has a regret that is so much above 0.04, in thousandths.

    Seeds differ a lot, but in the same way for all losses; squared error and agreement follow.
    """
    table: Table = {}
    for cell in (cell for name in names for cell in cells_of(name, SEEDS, BASE)):
        more = worse.get(cell.loss.replace("-", "_"), 0.0) / 1000 + 1e-5 * (cell.seed == 1)
        regret = 0.04 + 0.01 * cell.seed + more * (1 + 10 * cell.noise)
        table[cell] = {
            "agreement": 0.3 - more, "regret": regret, "kendall_tau_b": 0.4,
            "squared_error": 0.01 - more, "calibration_error": 0.01, "log_loss": None,
            "parameters": 1000.0, "seconds": 1.0,
        }  # fmt: skip
    return table


def row(text: str, start: str) -> list[str]:
    """The cells of the only row that has a text in it."""
    (line,) = [line for line in text.splitlines() if start in line]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_claims_hold_or_not_by_intervals_of_differences_paired_by_seed():
    table = table_of("losses", squared_error=2, two_hot=-1)
    text = text_of("claims", table, {}, BASE, SEEDS)
    found = row(text, "hl-gauss against squared-error")
    assert found[2:4] == ["3", "**+2.00 ± 0.00**"] and found[5] == "**+0.20 ± 0.00**"
    assert found[6:] == ["holds", "the opposite"]  # squared error was set the other way round
    assert row(text, "hl-gauss against two-hot")[6:] == ["the opposite", "holds"]
    assert row(text, "hl-gauss against one-hot")[6:] == ["open", "open"]
    assert text.startswith(
        "Differences with all 3 seeds: 6; in play 2 speak for the claim, 1 against it, 3 leave "
        "it open; in values 1 speak for the claim, 2 against it, 3 leave it open.\n"
    )
    for study in ("rates", "noise", "bins", "scale", "bootstrap"):
        assert f"Not yet run (`argmax study {study}`)." in text


def test_an_advantage_that_grows_with_noise():
    table = table_of("losses", "noise", squared_error=2)
    text = text_of("claims", table, {}, BASE, SEEDS)
    found = row(text, "hl-gauss against squared-error, noise 0.4 minus that at 0.0")
    assert found[3].startswith("**+8.0") and found[6] == "holds"
    assert row(text, "flips 0.3 minus that at 0.0")[3].startswith("+0.00")


def test_a_single_seed_says_nothing():
    table = {c: row for c, row in table_of("losses", squared_error=2).items() if c.seed == 1}
    text = text_of("claims", table, {}, BASE, SEEDS)
    found = row(text, "hl-gauss against squared-error")
    assert found[2:4] == ["1", "+2.00 (one seed)"] and found[6:] == ["…", "…"]
    assert text.startswith(
        "No difference has all of its 3 seeds yet. With fewer seeds so far: 6; 2 in play and 0 "
        "in values are above 0, which settles nothing.\n"
    )


def test_contrasts_are_of_cells_of_their_study():
    table = table_of("rates")
    for claim in claims(BASE, table, SEEDS):
        cells = {replace(cell, seed=0) for c in claim.contrasts for _, cell in c.terms}
        assert cells <= set(cells_of(claim.study, 1, BASE))
        assert all(sum(weight for weight, _ in c.terms) == 0 for c in claim.contrasts)


def test_the_best_rate_is_known_once_all_rates_are_done():
    table = table_of("rates")
    chosen = [cell for cell in table if cell.loss == "squared-error" and cell.learning_rate == 3]
    for cell in chosen:
        table[cell]["regret"] = 0.03
    assert best_rate("squared-error", BASE, table, SEEDS) == 3
    del table[chosen[-1]]
    assert best_rate("squared-error", BASE, table, SEEDS) is None


def test_studies_by_how_much_is_done():
    table = table_of("losses", squared_error=2)
    assert text_of("noise", table, {}, BASE, SEEDS).startswith("Not yet run")
    whole = text_of("losses", table, {}, BASE, SEEDS)
    assert whole.startswith("All cells are done.")
    assert row(whole, "| squared-error | 0.3M | **")[2] == "**+2.00 ± 0.00**"
    some = {cell: row for cell, row in table.items() if cell.seed < 2}
    assert text_of("losses", some, {}, BASE, SEEDS).startswith("12 of 18 cells are done.")


def test_probes_stand_beside_untrained_trunks():
    probes: Table = {
        cell: {"material_balance": 0.5 + 0.1 * (cell.loss == "hl-gauss"), "king_safety": 0.1 * i,
               "game_phase": 0.9}
        for i, cell in enumerate(cells_of("representation", 2, BASE))
    }  # fmt: skip
    for seed in range(2):
        probes[Cell(steps=0, seed=seed)] = dict.fromkeys(("material_balance", "king_safety",
                                                          "game_phase"), 0.25)  # fmt: skip
    text = text_of("representation", {}, probes, BASE, SEEDS)
    assert row(text, "untrained") == ["untrained", "2", *["0.2500 ± 0.0000"] * 3]
    assert row(text, "| squared-error | 0.3M")[2] == "**+10.00 ± 0.00**"
    assert text_of("representation", {}, {}, BASE, SEEDS).startswith("Not yet run")


def test_only_what_is_between_marks_changes():
    def empty(name: str) -> str:
        return text_of(name, {}, {}, BASE, SEEDS)

    page = "# Title\n<!-- losses -->\nold\n<!-- /losses -->\nprose <!-- a note -->\n"
    once = fill(page, empty)
    assert "old" not in once and "Not yet run" in once
    assert once.startswith("# Title\n<!-- losses -->\n")
    assert once.endswith("<!-- /losses -->\nprose <!-- a note -->\n")
    assert fill(once, empty) == once
    with pytest.raises(InputError, match="marks"):
        fill("prose alone", empty)
