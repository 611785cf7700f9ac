"""The runner of a pipeline: on this machine, or on the cluster given by the flags."""

import os
import re
import shlex
import socket
import sys
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability import python_urns
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

from data_pipeline.common.errors import InputError

_CONNECT_SECONDS = 10.0
_ENDPOINT = re.compile(
    r"--(?:job_endpoint|spark_master|dask_client_address|flink_master)=(?:\w+://)?([\w.-]+):(\d{1,5})"
)


class LocalRunner(FnApiRunner):
    """Beam's runner on this machine, whose worker processes end with this one."""

    def run_via_runner_api(self, pipeline_proto: Any, options: Any) -> Any:
        """Beam's own, with another command for its worker processes."""
        program = shlex.join([sys.executable, "-m", "data_pipeline.beam.worker", str(os.getpid())])
        for environment in pipeline_proto.components.environments.values():
            if environment.urn == python_urns.SUBPROCESS_SDK:
                environment.payload = f"exec {program}".encode()
        return super().run_via_runner_api(pipeline_proto, options)


def empty_pipeline(flags: Sequence[str]) -> beam.Pipeline:
    """An empty pipeline for the runner in the flags, or for the local one.

    Raises InputError for an unknown runner or flag, and if the cluster does not answer.
    """
    name = next((flag[9:] for flag in flags if flag.startswith("--runner=")), "local")
    runner = None
    if name == "local":
        runner = LocalRunner()
    elif name == "spark":
        from data_pipeline.beam.spark import PySparkRunner  # here, since it needs PySpark

        runner = PySparkRunner()
        flags = [flag for flag in flags if not flag.startswith("--runner=")]
    try:
        pipeline = beam.Pipeline(runner=runner, options=PipelineOptions(list(flags)))
    except (ValueError, ImportError) as error:  # what Beam raises for an unknown runner
        raise InputError(f"expected spark or one of Beam's runners: {error}") from error
    if not re.search("flink|sparkrunner|portable", name, re.IGNORECASE):
        _check_flags(flags)  # a job server has flags that only it knows
    _check_endpoints(flags)
    return pipeline


def _check_flags(flags: Sequence[str]) -> None:
    """Raise InputError for a flag that Beam would ignore."""
    given = PipelineOptions(list(flags)).get_all_options(retain_unknown_options=True)
    unknown = sorted(given.keys() - PipelineOptions([]).get_all_options().keys())
    if unknown:
        raise InputError(
            f"expected flags of Beam in --beam-flags, found --{unknown[0]}, which it does not know"
        )


def _check_endpoints(flags: Sequence[str]) -> None:
    """Raise InputError if nothing listens at an address in the flags.

    The runners themselves try for more than a minute and then report something else.
    """
    for found in filter(None, map(_ENDPOINT.fullmatch, flags)):
        host, port = found.groups()
        try:
            socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
        except (OSError, OverflowError) as error:
            raise InputError(
                f"expected a cluster at {host}:{port}, found none ({error}); start it, or correct "
                f"{found[0].partition('=')[0]}"
            ) from None


_RAISED = re.compile(r"(?:\w+\.)*\w*(?:Error|Exception|Exit|Interrupt|Failed|Died)\w*(?:: |$)")


def reason(error: BaseException) -> str:
    """The line of a runner's error that says what went wrong.

    Such an error holds tracebacks of Python and of Java. The last exception of Python is what a
    worker raised; lines of stack frames are never the reason.
    """
    details = getattr(error, "details", None)  # of gRPC
    text = str(details() if callable(details) else error)
    lines = [line.strip().lstrip(": ").split(" [while running")[0] for line in text.splitlines()]
    raised = [line for line in lines if _RAISED.match(line)]
    python = [line for line in raised if not line.startswith(("java.", "org.", "py4j.", "scala."))]
    ours = [line for line in python if line.startswith("data_pipeline.")]
    if ours:
        return ours[-1].partition(": ")[2]
    return [type(error).__name__, *filter(None, lines[::-1]), *raised, *python][-1]
