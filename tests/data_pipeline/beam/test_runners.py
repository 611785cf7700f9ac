"""What runners and their flags can do wrong, and what the user is told."""

import json
import os
import socket
import time
from dataclasses import replace
from pathlib import Path

import apache_beam as beam
import grpc
import pytest

from data_pipeline.beam import transforms
from data_pipeline.beam.engine_work import Annotation, IdleWorkers
from data_pipeline.beam.options import DatasetOptions
from data_pipeline.beam.pieces import Buckets
from data_pipeline.beam.pipeline import convert
from data_pipeline.beam.runners import empty_pipeline, reason
from data_pipeline.beam.staging import read_tallies, staging
from data_pipeline.beam.transforms import InputPart, Run
from data_pipeline.common.errors import ArgmaxError, InputError
from data_pipeline.teachers.options import EngineConfig, Limit
from tests.helpers.faulty_engine import faulty
from tests.helpers.paths import FIXTURES
from uci.cli import main
from uci.commands.data_options import EngineArgs, RunnerArgs, engine_config

EVALUATIONS = FIXTURES / "evaluations.jsonl.zst"
DASK = "--runner=apache_beam.runners.dask.dask_runner.DaskRunner"


def test_a_runner_that_only_plans_makes_no_dataset(tmp_path, monkeypatch):
    class Planned:
        def wait_until_finish(self):
            return "DONE"

    monkeypatch.setattr(beam.Pipeline, "run", lambda self: Planned())
    with pytest.raises(ArgmaxError, match=r"expected 24 shards .* found 0 \(not train-00000-of"):
        convert([EVALUATIONS], tmp_path / "out", DatasetOptions())
    assert not (tmp_path / "out").exists()


def test_relative_paths_where_workers_have_another_directory(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "some.jsonl.zst").write_bytes(EVALUATIONS.read_bytes())
    monkeypatch.chdir(tmp_path / "here")
    setup = transforms.Step.setup

    def elsewhere(step):
        os.chdir(tmp_path)
        setup(step)

    monkeypatch.setattr(transforms.Step, "setup", elsewhere)
    command = "convert some.jsonl.zst --test some.jsonl.zst --out a/b --shards 1 --workers 1"
    assert main(["data", *command.split()]) == 0
    manifest = json.loads((tmp_path / "here" / "a" / "b" / "dataset.json").read_text())
    assert [source["file"] for source in manifest["sources"]] == ["some.jsonl.zst"] * 2


def test_a_relative_engine_where_workers_have_another_directory(tmp_path, monkeypatch):
    name = Path(faulty(tmp_path, "crash", faults=0).path).name
    monkeypatch.chdir(tmp_path)
    config, _ = engine_config(EngineArgs(engine=f"./{name}"))
    assert config.path == str(tmp_path / name)


def test_workers_are_the_local_runners():
    assert "--direct_num_workers=2" in RunnerArgs(workers=2).flags(threads=True)
    with pytest.raises(InputError, match=r"expected --workers .* found it with --runner spark"):
        RunnerArgs(workers=2, runner="spark").flags(threads=True)


@pytest.mark.parametrize(
    "flags",
    [
        ["--runner=PortableRunner", "--job_endpoint=localhost:{port}"],
        ["--runner=FlinkRunner", "--flink_master=localhost:{port}"],
        ["--runner=PortableRunner", "--job_endpoint=host.invalid:{port}"],
    ],
)
def test_an_address_where_nobody_answers(tmp_path, flags):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    start = time.monotonic()
    with pytest.raises(InputError, match=rf"expected a cluster at \S+:{port}, found none"):
        empty_pipeline([flag.format(port=port) for flag in flags])
    assert time.monotonic() - start < 15


@pytest.mark.parametrize("flag", ["--direct_num_worker=2", "--dask_npartition=2", "--x"])
def test_a_misspelt_flag_is_named(flag):
    with pytest.raises(InputError, match=f"found {flag.partition('=')[0]}, which"):
        empty_pipeline([flag])


PYTHON = """\
Traceback (most recent call last):
  File "apache_beam/runners/common.py", line 1495, in process
    return self.do_fn_invoker.invoke_process(windowed_value)
  File "data_pipeline/beam/errors.py", line 3, in raise_error
{raised}
"""
JAVA = """\
An error occurred while calling z:org.apache.spark.api.python.PythonRDD.collectAndServe.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 1 in stage 2.0 failed 4 \
times, most recent failure: Lost task 1.3 in stage 2.0 (TID 7) (127.0.0.1 executor 1): \
org.apache.spark.api.python.PythonException: {python}
\tat org.apache.spark.api.python.BasePythonRunner$ReaderIterator.handleException(Runner.scala:572)
\tat java.base/java.lang.Thread.run(Thread.java:840)
Caused by: java.lang.RuntimeException: a bundle failed
\tat org.apache.spark.ErrorHandler.error(ErrorHandler.java:10)
"""
RAISED = {
    "data_pipeline.common.errors.ArgmaxError: disk x: no space left": "disk x: no space left",
    "data_pipeline.teachers.stockfish.EngineFailed: engine died": "engine died",
    "KeyError: 'x' [while running 'read']": "KeyError: 'x'",
    "MemoryError": "MemoryError",
}


@pytest.mark.parametrize("raised", RAISED)
def test_the_reason_is_what_a_worker_raised(raised):
    python = PYTHON.format(raised=raised)
    for text in (python, JAVA.format(python=python), raised):
        assert reason(RuntimeError(text)) == RAISED[raised]


def test_the_reason_where_no_worker_raised_anything():
    lost = "java.io.IOException: Failed to connect to host"
    assert reason(RuntimeError(f": {lost}\n\tat org.ErrorHandler.error(E.java:1)")) == lost
    assert reason(RuntimeError("\n  it ended\n at all")) == "it ended"
    assert reason(RuntimeError()) == "RuntimeError"

    class Unavailable(grpc.RpcError):
        def details(self):
            return "failed to connect to all addresses"

    assert reason(Unavailable()) == "failed to connect to all addresses"


def test_repeated_work_is_shown_once(tmp_path):
    options = DatasetOptions(shards=1)
    with staging(tmp_path / "out") as place:
        run = Run(place, options, Buckets(1))
        part = InputPart(0, str(EVALUATIONS), EVALUATIONS.stat().st_size, "", 0, 1)
        for _ in range(2):
            read = list(done(transforms.Read(run), (0, [part])))
            kept = list(done(transforms.Deduplicate(run, annotate=False), (0, [read[0][1]])))
            list(done(transforms.WriteShard(run), (0, [None, *kept])))
        shown = read_tallies(place.progress)
    assert (
        shown["read"]
        == sum(shown[f"written/{split}"] for split in ("train", "test", "validation"))
        > 100
    )
    assert shown["read_bytes"] == part.size
    assert shown["shards"] == 1


def done(step, element):
    step.setup()
    yield from step.process(element) or ()
    step.finish_bundle()


def test_a_worker_is_kept_for_the_next_bundle(tmp_path):
    idle, work = IdleWorkers(), Annotation(EngineConfig("engine", Limit(depth=1)))
    first, second = idle.take(work, tmp_path), idle.take(work, tmp_path)
    assert first is not second
    idle.give_back(first)
    assert idle.take(work, tmp_path) is first
    idle.give_back(first)
    closed = []
    first.close = lambda: closed.append(first)
    other = idle.take(replace(work, keep_scores=True), tmp_path)
    assert other is not first and closed == [first]
    idle.give_back(other)
    other.close = lambda: closed.append(other)
    idle.close()
    assert closed == [first, other]
