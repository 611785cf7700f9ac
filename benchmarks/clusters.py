"""Clusters of processes on this machine for `portable_runner`: Prism, Flink, Dask.

Each ``start_*`` returns the Beam flags that reach it and the worker processes to kill, if any.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.helpers.paths import ROOT

POOL_PORT, JOB_PORT, REST_PORT, DASK_PORT = 50_100, 8_073, 8_181, 8_786
START_SECONDS = 180
FLINK_CONFIG = f"""\
jobmanager.rpc.address: localhost
rest.port: {REST_PORT}
rest.address: localhost
jobmanager.memory.process.size: 1024m
taskmanager.numberOfTaskSlots: 2
taskmanager.cpu.cores: 1
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 192m
taskmanager.memory.jvm-overhead.max: 192m
taskmanager.memory.task.heap.size: 256m
taskmanager.memory.task.off-heap.size: 0m
taskmanager.memory.managed.size: 256m
taskmanager.memory.network.min: 64m
taskmanager.memory.network.max: 64m
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 5
restart-strategy.fixed-delay.delay: 2 s
pekko.startup-timeout: 120 s
pekko.ask.timeout: 120 s
heartbeat.timeout: 20000
heartbeat.interval: 2000
"""
OPENED = ("java.lang", "java.util", "java.net", "java.util.concurrent", "java.time", "java.nio")


def start_prism(stack: ExitStack, folder: Path, prism: Path) -> tuple[str, list[subprocess.Popen]]:
    """Prism, and a pool of SDK workers."""
    start(stack, [str(prism), f"--job_port={JOB_PORT}"], folder / "prism.log")
    endpoint = f"--runner=PortableRunner --job_endpoint=localhost:{JOB_PORT}"
    return f"{endpoint} {start_pool(stack, folder)}", []


def start_flink(
    stack: ExitStack, folder: Path, distribution: Path, job_server: Path | None
) -> tuple[str, list[subprocess.Popen]]:
    """A job manager, two task managers of two slots each, and a pool of SDK workers."""
    conf = folder / "conf"
    conf.mkdir()
    (conf / "config.yaml").write_text(FLINK_CONFIG)
    java = [shutil.which("java") or "java", "-cp", f"{distribution}/lib/*"]
    java[1:1] = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
    runtime = "org.apache.flink.runtime"
    job_manager = f"{runtime}.entrypoint.StandaloneSessionClusterEntrypoint"
    end = ["--configDir", str(conf)]
    start(stack, [*java, "-Xmx512m", job_manager, *end], folder / "jobmanager.log")
    task_manager = f"{runtime}.taskexecutor.TaskManagerRunner"
    memory = ["-Xmx400m", "-XX:MaxDirectMemorySize=400m"]
    managers = [
        start(stack, [*java, *memory, task_manager, *end], folder / f"task{number}.log")
        for number in range(2)
    ]
    wait_for(2, "task managers", _task_managers, folder)
    jar = f" --flink_job_server_jar={job_server}" if job_server else ""
    release = next(distribution.glob("lib/flink-dist-*.jar")).stem.removeprefix("flink-dist-")
    version = f"--flink_version={release.rpartition('.')[0]}{jar}"
    master = f"--runner=FlinkRunner --flink_master=localhost:{REST_PORT} --parallelism=2 {version}"
    return f"{master} {start_pool(stack, folder)}", managers


def start_dask(stack: ExitStack, folder: Path) -> tuple[str, list[subprocess.Popen]]:
    """A scheduler and two workers of one thread each; no nanny starts a dead one again."""
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
    """Beam's pool of SDK workers; it calls whatever ``python`` is first on the path."""
    pool = "apache_beam.runners.worker.worker_pool_main"
    command = [sys.executable, "-m", pool, f"--service_port={POOL_PORT}"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    start(stack, command, folder / "pool.log", PATH=path)
    return f"--environment_type=EXTERNAL --environment_config=localhost:{POOL_PORT}"


def start(stack: ExitStack, command: list[str], log: Path, **environment: str) -> subprocess.Popen:
    """A process that ends with the stack."""
    variables = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    with open(log, "wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=variables)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def wait_for(number: int, what: str, count: Callable[[], int], folder: Path) -> None:
    """Return once so many have joined; otherwise end the program with the causes in the logs."""
    begin = time.monotonic()
    while (found := count()) != number:
        if time.monotonic() - begin > START_SECONDS:
            for log in folder.glob("*.log"):
                print(f"{log.name}: {log.read_text()[-500:]}", file=sys.stderr)
            raise SystemExit(f"expected {number} {what} in {START_SECONDS} s, found {found}")
        time.sleep(0.5)
    print(f"{number} {what} after {time.monotonic() - begin:.0f} s", flush=True)


def _task_managers() -> int:
    """How many task managers the job manager knows."""
    try:
        url = f"http://localhost:{REST_PORT}/taskmanagers"
        with urllib.request.urlopen(url, timeout=2) as reply:
            return len(json.load(reply)["taskmanagers"])
    except OSError:
        return 0


def _dask_workers(address: str) -> int:
    """How many workers the scheduler knows."""
    from distributed import Client  # pyright: ignore[reportMissingImports]

    try:
        with Client(address, timeout=2) as client:
            return len(client.scheduler_info()["workers"])
    except OSError:
        return 0
