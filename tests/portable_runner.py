"""Run the same conversion on the local runner and on a portable one, and compare the datasets.

    python tests/portable_runner.py prism --prism PRISM
    python tests/portable_runner.py flink --distribution DIR [--job-server JAR]

``PRISM`` is Beam's own portable runner, ``go/cmd/prism`` of Beam's Go module. ``DIR`` holds Flink's
``lib`` (the ``deps`` of PyPI's apache-flink-libraries, unpacked); a job manager and two task
managers are started from it, and one of the two is killed once half of the input has been read.
``JAR`` is Beam's job server for that Flink; without it Beam asks Maven for it. SDK workers run in a
worker pool of their own. Exit status: 0 if the datasets have the same files, to the byte.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
EVALUATIONS = REPOSITORY / "tests" / "fixtures" / "evaluations.jsonl.zst"
POOL_PORT, JOB_PORT, REST_PORT = 50_100, 8_073, 8_181
FLINK_CONFIG = f"""\
jobmanager.rpc.address: localhost
rest.port: {REST_PORT}
rest.address: localhost
jobmanager.memory.process.size: 1024m
taskmanager.memory.process.size: 1280m
taskmanager.numberOfTaskSlots: 2
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 5
restart-strategy.fixed-delay.delay: 2 s
pekko.startup-timeout: 120 s
pekko.ask.timeout: 120 s
heartbeat.timeout: 20000
heartbeat.interval: 2000
"""


def main() -> int:
    """Run both and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("runner", choices=["prism", "flink"])
    parser.add_argument("--prism", type=Path)
    parser.add_argument("--distribution", type=Path)
    parser.add_argument("--job-server", type=Path)
    parser.add_argument("--input", type=Path, default=EVALUATIONS)
    args = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        start_pool(stack, folder)
        if args.runner == "prism":
            start(stack, [str(args.prism), f"--job_port={JOB_PORT}"], folder / "prism.log")
            flags = [
                "--runner",
                "PortableRunner",
                f"--beam-flags=--job_endpoint=localhost:{JOB_PORT}",
            ]
        else:
            managers = start_flink(stack, args.distribution, folder)
            jar = f" --flink_job_server_jar={args.job_server}" if args.job_server else ""
            flags = ["--runner", "FlinkRunner"]
            flags.append(f"--beam-flags=--flink_master=localhost:{REST_PORT} --parallelism=2{jar}")
            watch = threading.Thread(target=kill_half_way, args=(managers[1], folder / "portable"))
            watch.daemon = True
            watch.start()
        flags[-1] += f" --environment_type=EXTERNAL --environment_config=localhost:{POOL_PORT}"
        for name, flag in (("local", []), ("portable", flags)):
            convert(args.input, folder / name, flag)
        return compare(folder / "local", folder / "portable")


def start(stack: ExitStack, command: list[str], log: Path, **environment: str) -> subprocess.Popen:
    """A process that ends with the stack."""
    with open(log, "wb") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env=os.environ | environment
        )
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def start_pool(stack: ExitStack, folder: Path) -> None:
    """Beam's pool of SDK workers; it calls whatever ``python`` is first on the path."""
    binaries = str(Path(sys.executable).parent)
    pool = "apache_beam.runners.worker.worker_pool_main"
    start(
        stack,
        [sys.executable, "-m", pool, f"--service_port={POOL_PORT}"],
        folder / "pool.log",
        PATH=f"{binaries}:{os.environ['PATH']}",
        PYTHONPATH=str(REPOSITORY),
    )


def start_flink(stack: ExitStack, distribution: Path, folder: Path) -> list[subprocess.Popen]:
    """A job manager and two task managers; returns the task managers once both have joined."""
    conf = folder / "conf"
    conf.mkdir()
    (conf / "config.yaml").write_text(FLINK_CONFIG)
    java = [shutil.which("java") or "java", "-cp", f"{distribution}/lib/*"]
    opens = ("java.lang", "java.util", "java.net", "java.util.concurrent", "java.time", "java.nio")
    java[1:1] = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in opens]
    runtime = "org.apache.flink.runtime"
    manager = f"{runtime}.entrypoint.StandaloneSessionClusterEntrypoint"
    start(stack, [*java, "-Xmx512m", manager, "--configDir", str(conf)], folder / "jobmanager.log")
    memory = ["-Xmx400m", "-XX:MaxDirectMemorySize=400m"]
    task = [*java, *memory, f"{runtime}.taskexecutor.TaskManagerRunner", "--configDir", str(conf)]
    extra = ["-D", "taskmanager.cpu.cores=1", "-D", "taskmanager.memory.task.heap.size=256m"]
    extra += [
        "-D",
        "taskmanager.memory.managed.size=256m",
        "-D",
        "taskmanager.memory.network.min=64m",
    ]
    extra += [
        "-D",
        "taskmanager.memory.network.max=64m",
        "-D",
        "taskmanager.memory.task.off-heap.size=0",
    ]
    managers = [start(stack, [*task, *extra], folder / f"task{i}.log") for i in range(2)]
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        if joined() == 2:
            print(f"Flink: 2 task managers at localhost:{REST_PORT}", flush=True)
            return managers
        time.sleep(1)
    for log in folder.glob("*.log"):
        causes = [line for line in log.read_text().splitlines() if "Caused by" in line]
        print(f"{log.name}: {causes[-1:]}", file=sys.stderr)
    raise SystemExit(f"expected 2 task managers within 180 s, found {joined()}")


def joined() -> int:
    """How many task managers the job manager knows."""
    try:
        with urllib.request.urlopen(
            f"http://localhost:{REST_PORT}/taskmanagers", timeout=2
        ) as reply:
            return len(json.load(reply)["taskmanagers"])
    except OSError:
        return 0


def kill_half_way(manager: subprocess.Popen, out: Path) -> None:
    """Kill a task manager once half of the positions have been read."""
    from data_pipeline.staging import read_tallies

    total = sum(json.loads((out.parent / "local" / "dataset.json").read_text())["counts"].values())
    while read_tallies(out.parent / "portable.unfinished" / "progress")["read"] < total / 2:
        time.sleep(0.1)
    manager.kill()
    print("killed a task manager half-way", flush=True)


def convert(source: Path, out: Path, flags: list[str]) -> None:
    """``argmax data convert`` in a process of its own."""
    program = "import sys; from uci.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "data", "convert", str(source), "--out", str(out)]
    start = time.monotonic()
    if subprocess.run([*command, *flags], cwd=REPOSITORY, check=False).returncode:
        log = out.with_name(f"{out.name}.unfinished") / "beam.log"
        raise SystemExit(log.read_text()[-3000:] if log.exists() else "the conversion failed")
    print(f"{out.name}: {time.monotonic() - start:.0f} s", flush=True)


def compare(a: Path, b: Path) -> int:
    """0 if two directories hold the same files."""
    files = {path.name for path in a.iterdir()} | {path.name for path in b.iterdir()}
    differing = [
        name
        for name in sorted(files)
        if not ((a / name).exists() and (b / name).exists())
        or (a / name).read_bytes() != (b / name).read_bytes()
    ]
    print(f"{len(files)} files, {len(differing)} differ {differing}")
    return bool(differing)


if __name__ == "__main__":
    sys.exit(main())
