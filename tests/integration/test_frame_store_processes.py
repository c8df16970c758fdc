"""The frame store among real processes: a fast writer that is killed again and again, and slow readers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from core.errors import UnavailableError
from core.settings import Settings, load_settings
from storage.frames.shm_store import ShmFrameStore
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

PROCESS = Path(__file__).with_name("frame_ring_process.py")
CAMERA = 1
READERS = 3
READ_S = 4.0
WRITER_LIVES = 5
FRAMES_PER_LIFE = 1000
DEADLINE_S = 30.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ShmFrameStore]:
    """A store in shared memory, as in production."""
    with tempfile.TemporaryDirectory(dir=load_settings({}).frame_dir) as folder:
        yield ShmFrameStore(Settings.model_validate({"data": tmp_path, "frame_dir": Path(folder)}))


@contextmanager
def process(role: str, store: ShmFrameStore, *args: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(PROCESS), role, str(store.folder), *map(str, args)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def newest_number(store: ShmFrameStore) -> int:
    frame = store.newest(CAMERA)
    return 0 if frame is None else int(frame.ref.captured_at)


def test_no_reader_ever_gets_a_torn_or_wrong_frame(store: ShmFrameStore) -> None:
    readers = [process("read", store, READ_S, seed) for seed in range(READERS)]
    with readers[0] as a, readers[1] as b, readers[2] as c:
        for life in range(1, WRITER_LIVES + 1):
            first = life * 1_000_000
            with process("write", store, first):
                wait_until(lambda: newest_number(store) >= first + FRAMES_PER_LIFE, "it wrote", DEADLINE_S)  # noqa: B023 - called at once
        found = Counter[str]()
        for reader in (a, b, c):
            answer, _ = reader.communicate(timeout=DEADLINE_S)
            found.update(json.loads(answer))
    assert found["torn copies"] > 0, "no reader was overtaken: this run proved nothing"
    assert found["right"] > 1000
    assert found["right again"] > 100
    assert found["wrong"] == 0, found
    assert found["backwards"] == 0, found


def test_a_writer_killed_in_the_middle_of_a_frame(store: ShmFrameStore) -> None:
    with process("die", store, 103) as dying:
        assert dying.wait(DEADLINE_S) == -signal.SIGKILL
    assert newest_number(store) == 103
    ref = store.write(CAMERA, np.zeros((96, 320, 3), np.uint8), captured_at=1.0)
    assert ref.seq == 104_000_001, "the seq of the unfinished frame is not given out again"
    frame = store.newest(CAMERA)
    assert frame is not None
    assert frame.ref == ref


def test_one_process_at_a_time_writes_a_camera(store: ShmFrameStore) -> None:
    with process("write", store, 1):
        wait_until(lambda: newest_number(store) > 0, "it writes", DEADLINE_S)
        with pytest.raises(UnavailableError, match="Another process writes the frames of camera 1"):
            store.write(CAMERA, np.zeros((96, 320, 3), np.uint8), captured_at=1e9)
    assert store.write(CAMERA, np.zeros((96, 320, 3), np.uint8), captured_at=1e9).seq == 10**15
