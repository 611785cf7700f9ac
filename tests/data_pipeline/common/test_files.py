"""Reading lines of any file in little memory, and locking files."""

import gzip
import os
import subprocess
import sys
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.common.errors import InputError
from data_pipeline.common.files import MAGIC, MAX_LINE_BYTES, BrokenFile, lock, numbered_lines
from tests.helpers.paths import FIXTURES

ENCODINGS = {
    "plain": bytes,
    "zstd": zstandard.compress,
    "frames": lambda data: b"".join(
        zstandard.compress(data[i : i + 7]) for i in range(0, len(data), 7)
    ),
    "gzip": gzip.compress,
    "members": lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:]),
}


def lines_of(path, data: bytes) -> list[tuple[int, bytes]]:
    path.write_bytes(data)
    return list(numbered_lines(path))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("lines") / "lines.txt"


@given(
    st.lists(st.binary(max_size=9).map(lambda b: b.replace(b"\n", b"").rstrip(b"\r")), min_size=1)
)
def test_lines_and_numbers_of_any_text(path, lines):
    data = b"\n".join(lines)
    # A byte order mark or the start of a compressed file is no text.
    if data.startswith((b"\xfe\xff", b"\xff\xfe", b"\xef\xbb", *MAGIC)):
        return
    expected = list(enumerate(lines if lines[-1] else lines[:-1], start=1))
    found = lines_of(path, data)
    assert [pair for pair in found if pair[1]] == [pair for pair in expected if pair[1]]
    for encode in ENCODINGS.values() if data else ():
        assert lines_of(path, encode(data)) == found


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("encode", [bytes, zstandard.compress])
def test_byte_order_marks(path, mark, encode):
    text = "äöü 8/8\r\nx\n"
    assert lines_of(path, encode(text.encode(mark))) == [(1, "äöü 8/8".encode()), (2, b"x")]


def test_a_long_window_is_unfolded():
    found = list(numbered_lines(FIXTURES / "cases" / "long-window.jsonl.zst"))
    assert len(found) == 3 and all(line.startswith(b'{"fen"') for _, line in found)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("x.zst", b"plain text\n", "not zstd data"),
        ("x.zst", b"BZh91AY&SY", "bzip2 data"),
        ("x.zst", b"PK\x03\x04zip", "zip data"),
        ("x.txt", b"\xfd7zXZ\x00", "xz data"),
        ("x.zst", zstandard.compress(b"line\n" * 9999)[:-3], "truncated file"),
        ("x.zst", zstandard.compress(b"")[:4] + b"\xff" * 99, "broken zstd data"),
        ("x.zst", gzip.compress(b"line\n" * 9999)[:-9], "truncated file"),
        ("x.gz", gzip.compress(os.urandom(99))[:20] + b"\xff" * 99, "broken gzip data"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, data, reason):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BrokenFile) as found:
        list(numbered_lines(tmp_path / name))
    assert found.value.reason == reason and name in str(found.value)
    assert len(str(found.value).splitlines()) == 1


def zstd_zeros(byte: bytes, megabytes: int) -> bytes:
    unfolded = zstandard.ZstdCompressor().compressobj()
    block = byte * (1 << 20)
    return b"".join(unfolded.compress(block) for _ in range(megabytes)) + unfolded.flush()


@pytest.mark.parametrize("byte", [b"\n", b"x", b"\0"])
@pytest.mark.parametrize("compress", [zstd_zeros, lambda byte, n: gzip.compress(byte * (n << 20))])
def test_bombs_stay_small(tmp_path, byte, compress):
    """Some kilobytes that unfold to 64 megabytes of empty lines, or of one line."""
    path = tmp_path / "bomb.jsonl.zst"
    path.write_bytes(compress(byte, 64))
    tracemalloc.start()
    count = longest = 0
    for _, line in numbered_lines(path):
        count, longest = count + 1, max(longest, len(line))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 36 << 20
    assert longest == (0 if byte == b"\n" else MAX_LINE_BYTES + 1)
    assert count < 5_000


def test_numbers_go_on_behind_long_lines_and_empty_ones(path):
    data = b"\n" * 500_000 + b"x" * (MAX_LINE_BYTES * 3) + b"\nlast\n"
    found = lines_of(path, data)
    assert [(number, line[:5]) for number, line in found if line] == [
        (500_001, b"xxxxx"),
        (500_002, b"last"),
    ]


def test_one_process_at_a_time_has_the_lock(tmp_path):
    path = tmp_path / "games.lock"
    code = f"""
from pathlib import Path
from data_pipeline.common.files import lock
with lock(Path({str(path)!r}), "play"):
    pass
"""
    with lock(path, "play"):
        refused = pytest.raises(InputError, match="expected to play alone, found another run at it")
        with refused, lock(path, "play"):
            pass
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert "found another run" in other.stderr and other.returncode
        assert path.exists()
    assert not path.exists()
    path.touch()  # as a killed process leaves it
    with lock(path, "play"):
        pass
