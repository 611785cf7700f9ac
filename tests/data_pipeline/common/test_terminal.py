"""Where standard error is a file, a line from time to time instead of a bar."""

from data_pipeline.common import terminal as lines
from data_pipeline.common import terminal as progress
from model.training import run_log as logs


def test_a_training_says_how_far_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lines, "LINE_S", 0.0)
    with logs.RunLog(tmp_path, 10, logs.Counts(0, 0, 0, 0), 0.0) as log:
        log.training(logs.Counts(5, 1.0, 640, 0), 0.5, {"loss": 2.0})
    assert "step 5 (50%): 640 positions/s  loss 2.000\n" in capsys.readouterr().err


def test_so_does_what_works_through_a_number_of_things(monkeypatch, capsys):
    monkeypatch.setattr(lines, "LINE_S", 0.0)
    with progress.progress_bar("puzzles", 5000) as advance:
        advance(1234)
    assert "puzzles: 1,234 of 5,000\n" in capsys.readouterr().err


def test_quick_work_says_nothing(capsys):
    with progress.progress_bar("puzzles", 2) as advance:
        advance(1)
    assert "of 2" not in capsys.readouterr().err
