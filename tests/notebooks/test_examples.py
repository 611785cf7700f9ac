"""What the examples share: losses for returns, cells and their table, questions and summaries."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.common.errors import InputError
from engine.study.page import verdict
from engine.study.table import TABLE_FILE, Figures, read_table
from model.targets.value_losses import LOSSES
from notebooks.examples import grid, summary
from notebooks.examples.cells import CURVE_POINTS, Cell, curve, refuse_absent, run
from notebooks.examples.grid import QUESTIONS, Question, cells_of
from notebooks.examples.returns import ReturnLoss
from tests.helpers.paths import ROOT

COMMITTED = ROOT / "notebooks" / "results" / "examples.csv"


def made_up(cells: list[Cell], better: float = 0.5, **more: float) -> dict[Cell, Figures]:
    """A table in which HL-Gauss is ``better``, and ``more`` for each unit of a field."""
    table = {}
    for cell in cells:
        ahead = better + sum(each * getattr(cell, name) for name, each in more.items())
        score = 1.0 + 0.01 * cell.seed + (ahead if cell.loss == "hl-gauss" else 0.0)
        table[cell] = {"score": score, **curve([score] * CURVE_POINTS), "seconds": 1.0}
    return table


@pytest.mark.parametrize("loss", LOSSES)
def test_returns_are_learned_in_their_own_units(loss):
    """Gradient descent on the outputs finds the returns, to within a bin."""
    by_return = ReturnLoss(loss, -30.0, 50.0, bins=41)
    returns = np.array([-20.0, 0.0, 13.0, 40.0])
    outputs = np.zeros((4, 41))
    slope = jax.jit(jax.grad(lambda outputs: by_return.loss(outputs, returns).sum()))
    for _ in range(3000):
        outputs = outputs - 10 * slope(outputs)
    assert np.abs(by_return.predict(outputs) - returns).max() <= 80 / 41


@pytest.mark.parametrize("loss", LOSSES)
@given(reward=st.floats(-1, 1), discount=st.sampled_from([0.0, 0.9, 0.99]), seed=st.integers(0, 9))
def test_bellman_targets_have_the_mean_of_reward_and_discounted_value(loss, reward, discount, seed):
    """The loss is least, of two outputs, for the one whose prediction is the target."""
    by_return = ReturnLoss(loss, -20.0, 20.0)
    after = np.random.default_rng(seed).normal(size=51)
    target = reward + discount * float(by_return.predict(after))
    places = np.linspace(-20, 20, 51) if loss == "c51" else np.linspace(-1, 1, 51) * 20 * 50 / 51
    rewards, discounts = np.asarray(reward), np.asarray(discount)

    def at(value: float) -> float:
        if loss == "squared-error":
            outputs = np.full(51, (value + 20) / 40 - 0.5)
        else:
            outputs = -0.5 * ((places - value) / 4) ** 2
        return float(by_return.bellman_loss(outputs, rewards, discounts, after))

    assert at(target) < min(at(target - 6), at(target + 6))


def test_no_gradient_flows_through_the_target():
    by_return = ReturnLoss("c51", -1.0, 1.0, bins=11)
    rest = np.asarray(0.1), np.asarray(0.9)
    slope = jax.grad(lambda after: by_return.bellman_loss(np.zeros(11), *rest, after))
    assert not slope(np.ones(11)).any()


def test_a_cell_is_trained_once(tmp_path, capsys):
    calls = []

    def train(cell: Cell, report) -> Figures:
        report(1.0)
        calls.append(cell)
        return {"score": 0.25, **curve([0.1] * CURVE_POINTS)}

    for _ in range(2):
        options = ["--loss", "c51", "--seed", "3", "--out", str(tmp_path / "new")]
        run(train, Cell(example="wordle"), options)
        assert "score 0.25" in capsys.readouterr().out
    cell = Cell(example="wordle", loss="c51", seed=3)
    assert calls == [cell]
    table = read_table(tmp_path / "new" / TABLE_FILE, cell)
    assert table[cell]["score"] == 0.25 and table[cell]["score_20"] == 0.1


def test_settings_that_an_example_lacks_are_refused():
    cell = Cell(example="wordle", experts=4)
    refuse_absent(cell, ("experts",))
    with pytest.raises(InputError, match="expected experts 1 in a cell of wordle"):
        refuse_absent(cell, ("game", "width"))


def test_cells_are_one_each_and_have_names_of_their_own():
    cells = cells_of(QUESTIONS.values())
    assert len(cells) == len(set(cells)) == len({cell.name for cell in cells})
    assert [cell.seed for cell in cells] == sorted(cell.seed for cell in cells)
    assert cells_of(QUESTIONS.values(), seeds=1) == [cell for cell in cells if cell.seed == 0]


def test_a_loss_is_compared_at_the_best_learning_rate_of_its_kind(monkeypatch):
    monkeypatch.setitem(grid.RATES, "wordle", {"hl-gauss": 3.0, "squared-error": 0.3})
    rates = {cell.loss: cell.learning_rate for cell in QUESTIONS["wordle"].cells(0)}
    assert rates == {loss: 0.3 if "squared-error" in loss else 3.0 for loss in LOSSES}
    found = QUESTIONS["rates-wordle"].cells(0)
    assert {cell.learning_rate for cell in found if cell.loss == "hl-gauss"} == {0.1, 0.3, 1.0, 3.0}


@pytest.mark.parametrize("name", QUESTIONS)
def test_learning_rates_are_the_best_of_the_committed_table(name):
    """Those that are not yet done are the example's own."""
    question = QUESTIONS[name]
    if question.factor != "learning_rate":
        return
    table = read_table(COMMITTED, Cell())
    for loss in question.losses:
        found = [summary.scores(question, loss, rate, table) for rate in question.values]
        means = [-np.inf if scores is None else scores.mean() for scores in found]
        best = question.values[int(np.argmax(means))] if np.isfinite(means).all() else 1.0
        assert grid.RATES[question.base.example].get(loss, 1.0) == best, loss


def test_intervals_are_the_same_each_time_and_the_global_generator_is_left_as_it_was():
    ours, theirs = np.arange(3.0)[:, None] ** 2, np.arange(2.0)[:, None] + 0.3
    np.random.seed(7)
    found = [summary.aggregate(summary.advantage, ours, theirs).text() for _ in range(4)]
    after = np.random.random()
    np.random.seed(7)
    assert len(set(found)) == 1 and after == np.random.random()


def test_effects_have_the_sign_of_the_claim_and_grow_with_the_factor(monkeypatch):
    monkeypatch.setattr(summary, "RESAMPLES", 200)
    question = QUESTIONS["experts"]
    table = made_up(cells_of([question]), experts=0.1)
    *each, growth = summary.effects(question, table)
    assert [effect.label for effect in each] == [f"experts {n}" for n in (1, 2, 4, 8)]
    means = [effect.difference.mean for effect in each]
    np.testing.assert_allclose(means, [0.6, 0.7, 0.9, 1.3], atol=1e-6)
    assert growth.label == "experts 8 minus that at 1"
    assert growth.difference.mean == pytest.approx(0.7)
    assert growth.difference.low <= growth.difference.mean <= growth.difference.high
    assert {verdict(effect.difference, True) for effect in (*each, growth)} == {"holds"}
    worse = summary.effects(question, made_up(cells_of([question]), better=-1.0))
    assert [verdict(effect.difference, True) for effect in worse] == ["the opposite"] * 4 + ["open"]


def test_a_seed_counts_once_all_its_games_are_done():
    question = replace(QUESTIONS["experts"], games=("breakout", "asterix"))
    table = made_up(cells_of([question]))
    whole = summary.scores(question, "hl-gauss", 4, table)
    assert whole is not None and whole.shape == (5, 2)
    del table[question.cell("hl-gauss", 4, 2, "asterix")]
    partial = summary.scores(question, "hl-gauss", 4, table)
    assert partial is not None
    np.testing.assert_array_equal(partial, whole[[0, 1, 3, 4]])
    one_seed = {cell: row for cell, row in table.items() if cell.seed == 0}
    assert summary.scores(question, "hl-gauss", 4, one_seed) is None


def test_texts_name_what_is_not_run_and_what_is_usual(monkeypatch):
    monkeypatch.setattr(summary, "RESAMPLES", 50)
    some = [QUESTIONS[name] for name in ("wordle", "many-actions")]
    text = summary.claims_text(made_up(cells_of(some)))
    assert text.count("hl-gauss against squared-error") == 2
    assert text.count("not yet run") == sum(
        question.factor != "learning_rate" for question in QUESTIONS.values()
    ) - len(some)
    assert "rates" not in text and "holds" in text
    few = {cell: row for cell, row in made_up(cells_of(some)).items() if cell.seed < 4}
    assert "| 4 |" in (text := summary.claims_text(few))
    assert "holds" not in text and "**+" not in text
    question = QUESTIONS["target-period"]
    means = summary.means_text(question, made_up(cells_of([question])))
    assert means.splitlines()[0] == "| loss | target period usual | target period 50 |"


def question_of(values: tuple) -> Question:
    return Question("q", "a claim", Cell(), "noise", values)


def test_charts_of_a_factor_and_of_losses(monkeypatch):
    monkeypatch.setattr(summary, "RESAMPLES", 20)
    for question in (question_of((0.0, 0.5)), QUESTIONS["many-actions"]):
        left, right = summary.chart(question, made_up(cells_of([question]))).axes
        assert len(left.get_lines()) == len(question.losses)
        assert len(right.containers) == len(question.losses)
    left, right = summary.chart(question_of((0.0, 0.5)), {}).axes
    assert not left.get_lines()
