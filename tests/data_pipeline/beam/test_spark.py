"""The Spark runner on local[2]: the local runner's files to the byte; what it refuses."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.coders import VarIntCoder
from apache_beam.pvalue import AsSingleton
from apache_beam.transforms.userstate import BagStateSpec
from apache_beam.transforms.window import FixedWindows

from data_pipeline.beam.engine_work import SelfPlay
from data_pipeline.beam.options import DatasetOptions
from data_pipeline.beam.pipeline import convert, play
from data_pipeline.beam.runners import empty_pipeline
from data_pipeline.common.errors import InputError
from data_pipeline.teachers.options import EngineConfig, GameOptions, Limit
from tests.helpers.paths import FIXTURES

pytest.importorskip("pyspark", reason="needs PySpark (the extra 'spark')")
if shutil.which("java") is None:
    pytest.skip("needs Java 17 for Spark", allow_module_level=True)

EVALUATIONS = FIXTURES / "evaluations.jsonl.zst"
FENS = (FIXTURES / "openings.epd").read_text().splitlines()
SPARK = ["--runner=spark", "--spark_master=local[2]", "--spark_partitions=3"]
SPARK += ["--spark_conf=spark.ui.enabled=false", "--spark_conf=spark.default.parallelism=2"]
OPTIONS = DatasetOptions(shards=3, bins=4, balance=1.0, validation_share=0.2, test_share=0.2)


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_files_with_all_options(tmp_path):
    (tmp_path / "bad.jsonl").write_text('{"fen": 3}\n' * 3)
    files = [EVALUATIONS, tmp_path / "bad.jsonl", EVALUATIONS]
    options = replace(OPTIONS, max_positions=90, sample=0.9)
    convert(files, tmp_path / "local", options, test_files=[EVALUATIONS])
    convert(files, tmp_path / "spark", options, test_files=[EVALUATIONS], beam_flags=SPARK)
    assert contents(tmp_path / "local") == contents(tmp_path / "spark")


def test_self_play_with_balance(stockfish_path, tmp_path):
    games = GameOptions(max_plies=4, random_moves=0, highest_temperature=0.02)
    work = SelfPlay(EngineConfig(stockfish_path, Limit(depth=1)), games)
    openings = [FENS[0]] * 9 + FENS[:9]
    play(openings, tmp_path / "local", OPTIONS, work)
    play(openings, tmp_path / "spark", OPTIONS, work, SPARK)
    assert contents(tmp_path / "local") == contents(tmp_path / "spark")


STATE = beam.DoFn.StateParam(BagStateSpec("state", VarIntCoder()))


class Stateful(beam.DoFn):
    def process(self, element, state=STATE):
        yield element


def odd(number, parts):
    return number % parts


REFUSED: dict[str, Callable[[Any], Any]] = {
    "side inputs": lambda numbers: numbers | beam.Map(max, AsSingleton(numbers)),
    "several outputs": lambda numbers: numbers | beam.Partition(odd, 2),  # pyright: ignore
    "TimestampParam": lambda numbers: numbers | beam.Map(lambda x, t=beam.DoFn.TimestampParam: t),
    "state": lambda numbers: numbers | beam.Map(lambda x: (x, x)) | beam.ParDo(Stateful()),
    "windows": lambda numbers: numbers | beam.WindowInto(FixedWindows(60)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_it_cannot_do_is_refused_by_name(what):
    pipeline = empty_pipeline(SPARK)
    _ = REFUSED[what](pipeline | beam.Create([1]))
    with pytest.raises(InputError, match=f"step that the Spark runner can do, found {what}"):
        pipeline.run()


def test_its_flags_are_checked():
    with pytest.raises(InputError, match="found --spark_mater, which"):
        empty_pipeline(["--runner=spark", "--spark_mater=local[2]"])
    for flags, found in ([*SPARK, "--spark_conf=x"], "NAME=VALUE, found 'x'"), (SPARK[:1], "none"):
        with pytest.raises(InputError, match=f"expected --spark_.*{found}"):
            empty_pipeline(flags).run()
