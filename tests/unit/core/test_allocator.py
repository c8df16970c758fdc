"""Threads share arenas; told by glibc itself, in a process of its own."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from core.allocator import ARENAS

COUNT_ARENAS = """
import ctypes, os, tempfile, threading
from core.allocator import share_arenas
share_arenas()
start = threading.Barrier(12)
def allocate():
    start.wait()
    for _ in range(200):
        bytearray(100_000)
threads = [threading.Thread(target=allocate) for _ in range(12)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
with tempfile.NamedTemporaryFile() as file:
    stream = ctypes.c_void_p(libc.fopen(file.name.encode(), b"w"))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(file.read().count(b"<heap nr="))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has arenas")
@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({}, ARENAS, id="two for all threads"),
        pytest.param({"MALLOC_ARENA_MAX": "5"}, 5, id="as many as the operator says"),
    ],
)
def test_threads_share_arenas(environment: dict[str, str], expected: int) -> None:
    inherited = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    done = subprocess.run(
        [sys.executable, "-c", COUNT_ARENAS], env=inherited | environment, capture_output=True, check=True, text=True
    )
    assert int(done.stdout) == expected
