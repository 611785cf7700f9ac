"""Clusters of processes on this machine for `beam_runners`: Spark, Dask, Prism.

Each ``start_*`` returns the Beam flags to use it, and the worker processes to kill, if any.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.helpers.paths import ROOT

POOL_PORT, JOB_PORT, DASK_PORT, SPARK_PORT, SPARK_UI_PORT = 50_100, 8_073, 8_786, 7_177, 18_280
START_SECONDS = 180


def start_prism(stack: ExitStack, folder: Path, prism: Path) -> tuple[str, list[subprocess.Popen]]:
    """Prism, and a pool of SDK workers."""
    start(stack, [str(prism), f"--job_port={JOB_PORT}"], folder / "prism.log")
    endpoint = f"--runner=PortableRunner --job_endpoint=localhost:{JOB_PORT}"
    return f"{endpoint} {start_pool(stack, folder)}", []


def start_spark(stack: ExitStack, folder: Path) -> tuple[str, list[subprocess.Popen]]:
    """A master and two workers of one core each, of the Spark in the installed PySpark."""
    import pyspark  # pyright: ignore[reportMissingImports]

    home = Path(pyspark.__file__).parent
    print(f"Spark {pyspark.__version__}", flush=True)
    os.environ.update(SPARK_HOME=str(home), SPARK_LOCAL_IP="127.0.0.1")
    os.environ.update(PYSPARK_PYTHON=sys.executable, SPARK_DAEMON_MEMORY="384m")
    address = f"spark://127.0.0.1:{SPARK_PORT}"
    deploy = [str(home / "bin" / "spark-class"), "org.apache.spark.deploy"]

    def daemon(name: str, *arguments: str) -> list[str]:
        return [deploy[0], f"{deploy[1]}.{name}", "--host", "127.0.0.1", *arguments]

    ports = ["--port", str(SPARK_PORT), "--webui-port", str(SPARK_UI_PORT)]
    start(stack, daemon("master.Master", *ports), folder / "master.log")
    size = ["--cores", "1", "--memory", "1g", "--webui-port", "0"]
    workers = []
    for number in range(2):
        command = daemon("worker.Worker", *size, "--work-dir", str(folder / f"w{number}"), address)
        workers.append(start(stack, command, folder / f"worker{number}.log"))
    wait_for(2, "workers", _spark_workers, folder)
    settings = ["driver.host=127.0.0.1", "executor.memory=512m", "ui.enabled=false"]
    flags = " ".join(f"--spark_conf=spark.{setting}" for setting in settings)
    return f"--runner=spark --spark_master={address} {flags}", workers


def start_dask(stack: ExitStack, folder: Path) -> tuple[str, list[subprocess.Popen]]:
    """A scheduler and two workers of one thread each, without nannies that would restart them."""
    scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard"]
    start(stack, [*scheduler, f"--port={DASK_PORT}"], folder / "scheduler.log")
    address = f"tcp://localhost:{DASK_PORT}"
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-nanny"]
    worker += ["--nthreads=1", "--no-dashboard", f"--local-directory={folder}"]
    workers = [start(stack, worker, folder / f"worker{number}.log") for number in range(2)]
    wait_for(2, "workers", lambda: _dask_workers(address), folder)
    runner = "apache_beam.runners.dask.dask_runner.DaskRunner"
    return f"--runner={runner} --dask_client_address={address} --dask_npartitions=32", workers


def start_pool(stack: ExitStack, folder: Path) -> str:
    """Beam's pool of SDK workers; it runs the first ``python`` on the PATH."""
    pool = "apache_beam.runners.worker.worker_pool_main"
    command = [sys.executable, "-m", pool, f"--service_port={POOL_PORT}"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    start(stack, command, folder / "pool.log", PATH=path)
    return f"--environment_type=EXTERNAL --environment_config=localhost:{POOL_PORT}"


def start(stack: ExitStack, command: list[str], log: Path, **environment: str) -> subprocess.Popen:
    """Start a process that ends with the stack."""
    path = f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"
    variables = os.environ | {"PYTHONPATH": path} | environment
    with open(log, "wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=variables)
    stack.callback(kill_all, process)
    return process


def kill_all(process: subprocess.Popen) -> int:
    """Kill a process and all that it started, and what these started; returns how many."""
    pids = family(process.pid)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    return len(pids)


def family(pid: int) -> list[int]:
    """A process and its children, and theirs."""
    parents, found = list(_parents()), [pid]
    for parent in found:
        found += [child for child, of in parents if of == parent]
    return found


def _parents() -> Iterator[tuple[int, int]]:
    """Each process and its parent."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            after_name = path.read_text().rpartition(")")[2].split()
            yield int(path.parent.name), int(after_name[1])


def wait_for(number: int, what: str, count: Callable[[], int], folder: Path) -> None:
    """Wait until this many have joined; otherwise exit with the errors in the logs."""
    begin = time.monotonic()
    while (found := count()) != number:
        if time.monotonic() - begin > START_SECONDS:
            for log in folder.glob("*.log"):
                print(f"{log.name}: {log.read_text()[-500:]}", file=sys.stderr)
            raise SystemExit(f"expected {number} {what} in {START_SECONDS} s, found {found}")
        time.sleep(0.5)
    print(f"{number} {what} after {time.monotonic() - begin:.0f} s", flush=True)


def _spark_workers() -> int:
    """How many workers the master knows."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{SPARK_UI_PORT}/json/", timeout=2) as reply:
            return sum(worker["state"] == "ALIVE" for worker in json.load(reply)["workers"])
    except OSError:
        return 0


def _dask_workers(address: str) -> int:
    """The number of workers that the scheduler knows."""
    from distributed import Client  # pyright: ignore[reportMissingImports]

    try:
        with Client(address, timeout=2) as client:
            return len(client.scheduler_info()["workers"])
    except OSError:
        return 0
