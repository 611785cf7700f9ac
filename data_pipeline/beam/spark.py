"""A runner for Beam pipelines on a Spark cluster, through PySpark.

It is not Beam's ``SparkRunner``, which needs a job server in Java. Beam's primitives become RDDs of
Python objects. Pipelines must be bounded and in the global window, and each step must have one
output. Reshuffle, side inputs, timestamps, state, splitting and further outputs are refused by
name; a GroupByKey spreads elements over the workers. If two steps read a collection, it is computed
twice.

All workers need the driver's minor version of Python (at the same path, or at PYSPARK_PYTHON), the
same versions of PySpark and of this package, and the files at the same paths.
"""

import os
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam import pvalue
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor
from apache_beam.runners.common import DoFnSignature
from apache_beam.runners.runner import PipelineResult, PipelineRunner, PipelineState
from apache_beam.transforms.core import DoFn, Impulse
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.windowed_value import WindowedValue
from pyspark import RDD, SparkConf, SparkContext

from data_pipeline.common.errors import InputError

_TASKS_A_CORE = 4


class PySparkOptions(PipelineOptions):
    """The runner's flags."""

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_argument("--spark_master", help="spark://host:7077, local[4], ...")
        parser.add_argument("--spark_partitions", type=int, help="pieces of work of a stage")
        parser.add_argument(
            "--spark_conf", action="append", default=[], help="a setting of Spark, NAME=VALUE"
        )


class PySparkRunner(PipelineRunner):
    """Runs a pipeline on the cluster at ``--spark_master`` and waits until it ends."""

    def run_pipeline(self, pipeline: beam.Pipeline, options: PipelineOptions) -> PipelineResult:
        """Translate the steps, then compute every collection that no step reads."""
        given = options.view_as(PySparkOptions)
        if not given.spark_master:
            raise InputError(
                "expected --spark_master=spark://HOST:7077 in --beam-flags, found none"
            )
        conf = SparkConf().setAppName("argmax data").setMaster(given.spark_master)
        for setting in given.spark_conf:
            name, found, value = setting.partition("=")
            if not found:
                raise InputError(f"expected --spark_conf=NAME=VALUE, found '{setting}'")
            conf.set(name, value)
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        pipeline.visit(_Checks())
        with SparkContext(conf=conf) as context:
            partitions = given.spark_partitions or _TASKS_A_CORE * context.defaultParallelism
            translation = _Translation(context, partitions)
            pipeline.visit(translation)
            for rdd in translation.unread():
                rdd.foreachPartition(_exhaust)
        return _Done(PipelineState.DONE)

    def is_fnapi_compatible(self) -> bool:
        """Whether Beam's workers run the steps; they do not."""
        return False


class _Done(PipelineResult):
    def wait_until_finish(self, duration: int | None = None) -> str:
        return self.state


_PRIMITIVES = (Impulse, beam.ParDo, beam.GroupByKey, beam.Flatten)


class _Checks(PipelineVisitor):
    """Raises InputError for a step that this runner would compute wrongly."""

    def visit_transform(self, transform_node: AppliedPTransform) -> None:
        """Check one primitive."""
        node: Any = transform_node
        if not isinstance(node.transform, _PRIMITIVES):
            raise _refused(node, type(node.transform).__name__)
        if set(node.outputs) != {None}:
            raise _refused(node, "several outputs")
        if node.side_inputs:
            raise _refused(node, "side inputs")
        if not node.outputs[None].windowing.is_default():
            raise _refused(node, "windows")
        if isinstance(node.transform, beam.ParDo):
            self._check_parameters(node, DoFnSignature(node.transform.fn))

    def _check_parameters(self, node: AppliedPTransform, signature: DoFnSignature) -> None:
        if signature.is_stateful_dofn() or signature.is_splittable_dofn():
            raise _refused(node, "state or splitting")
        for method in (signature.process_method, signature.start_bundle_method):
            for default in method.defaults:
                if isinstance(default, type(DoFn.TimestampParam)) and default != DoFn.ElementParam:
                    raise _refused(node, str(default))


def _refused(node: AppliedPTransform, what: str) -> InputError:
    return InputError(
        f"expected a step that the Spark runner can do, found {what} in '{node.full_label}'"
    )


class _Translation(PipelineVisitor):
    """The RDD of each collection."""

    def __init__(self, context: SparkContext, partitions: int) -> None:
        self._context = context
        self._partitions = partitions
        self._rdds: dict[Any, RDD] = {}
        self._read: set[Any] = set()

    def unread(self) -> list[RDD]:
        """The collections that no step reads."""
        return [rdd for collection, rdd in self._rdds.items() if collection not in self._read]

    def visit_transform(self, transform_node: AppliedPTransform) -> None:
        """Translate one primitive."""
        node = transform_node
        read = [found for found in node.inputs if not isinstance(found, pvalue.PBegin)]
        self._read.update(read)
        rdd = self._translated(node, [self._rdds[collection] for collection in read])
        self._rdds[node.outputs[None]] = rdd.setName(node.full_label)

    def _translated(self, node: AppliedPTransform, inputs: list[RDD]) -> RDD:
        transform: Any = node.transform
        if isinstance(transform, Impulse):
            return self._context.parallelize([b""], 1)
        if isinstance(transform, beam.ParDo):
            return inputs[0].mapPartitions(_bundle(transform.fn, transform.args, transform.kwargs))
        if isinstance(transform, beam.GroupByKey):
            return inputs[0].groupByKey(self._partitions, _place)
        return self._context.union(inputs)  # of Flatten


def _bundle(fn: DoFn, args: Any, kwargs: Any) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """A step's work on one partition."""

    def run(elements: Iterable[Any]) -> Iterator[Any]:
        fn.setup()
        try:
            fn.start_bundle()
            for element in elements:
                yield from map(_plain, fn.process(element, *args, **kwargs) or ())
            yield from map(_plain, fn.finish_bundle() or ())
        finally:
            fn.teardown()

    return run


def _plain(output: Any) -> Any:
    if isinstance(output, pvalue.TaggedOutput | TimestampedValue):
        raise InputError(f"expected plain elements of a step, found a {type(output).__name__}")
    return output.value if isinstance(output, WindowedValue) else output


def _place(key: Any) -> int:
    return key if isinstance(key, int) else zlib.crc32(repr(key).encode())


def _exhaust(elements: Iterable[Any]) -> None:
    for _ in elements:
        pass
