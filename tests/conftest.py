"""What all tests share: JAX on the CPU and what it compiled, Hypothesis without deadlines,
Stockfish, Chromium."""

import atexit
import os
import shutil
import tempfile

import pytest
from hypothesis import settings

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Compiling is most of what small networks cost: each is compiled once, for all tests and the
# processes that they start, and what users compiled is left alone. XLA's older emitters of fused
# loops compile a training step in a third of the time; its code is somewhat slower.
if "PYTEST_XDIST_WORKER" not in os.environ:
    _CACHE = tempfile.mkdtemp(prefix="argmax-tests-")
    atexit.register(shutil.rmtree, _CACHE, ignore_errors=True)
    os.environ |= {
        "JAX_COMPILATION_CACHE_DIR": _CACHE,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "XLA_FLAGS": "--xla_cpu_use_fusion_emitters=false "
        "--xla_cpu_parallel_codegen_split_count=1 " + os.environ.get("XLA_FLAGS", ""),
    }

settings.register_profile("here", deadline=None)  # compiling is slow
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(scope="session")
def stockfish_path() -> str:
    """The path of a Stockfish; skips the test where there is none."""
    from data_pipeline.common.errors import ArgmaxError
    from engine.match.uci_client import find_stockfish

    try:
        return find_stockfish()
    except ArgmaxError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window; skips, and says so, where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="NO PLAYWRIGHT: PAGE NOT TESTED")
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = next(filter(None, map(shutil.which, names)), None)
    if chromium is None:
        pytest.skip("NO CHROMIUM: PAGES ARE NOT TESTED; install it: make chromium")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()
