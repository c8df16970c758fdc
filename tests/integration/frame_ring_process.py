"""A process that writes or reads a camera's ring, for test_frame_store_processes.py.

``write FOLDER FIRST``: writes numbered frames from FIRST on, as fast as it can, until it is killed.
``die FOLDER FIRST``: writes one, and is killed by the kernel in the middle of the next.
``read FOLDER SECONDS SEED``: reads slowly and prints a JSON object of what it found.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from core.types import Frame, Picture
from storage.frames.folder import RingFolder
from storage.frames.ring import RingReader, RingWriter

CAMERA = 1
BUDGET = 100_000_000
FRAMES_OF_ONE_SIZE = 400
"""Then the resolution changes, and with it the ring file."""


def picture(number: int) -> Picture:
    """A picture of which every 8 bytes, and the size too, say its number."""
    height = 240 if number // FRAMES_OF_ONE_SIZE % 2 else 96
    width = 320 + number % 4 * 8
    return np.full(height * width * 3 // 8, number, np.uint64).view(np.uint8).reshape(height, width, 3)


def is_right(frame: Frame) -> bool:
    """Whether the pixels, and each field, are those of one and the same frame."""
    number = int(frame.ref.captured_at)
    return (
        frame.ref.seq == number * 1_000_000
        and frame.pixels.shape == (frame.ref.height, frame.ref.width, 3)
        and np.array_equal(frame.pixels, picture(number))
    )


def write(folder: RingFolder, first: int) -> None:
    """Write until killed."""
    writer = RingWriter(folder, CAMERA)
    for number in itertools.count(first):
        writer.write(picture(number), float(number))


def die(folder: RingFolder, first: int) -> None:
    """Write a frame, then half of one."""

    def half_then_die(slot: Picture, pixels: Picture) -> None:
        np.copyto(slot[: len(slot) // 2], pixels[: len(slot) // 2])
        os.kill(os.getpid(), signal.SIGKILL)

    writer = RingWriter(folder, CAMERA)
    writer.write(picture(first), float(first))
    writer.close()
    RingWriter(folder, CAMERA, copy=half_then_die).write(picture(first + 1), float(first + 1))


def read(folder: RingFolder, duration_s: float, seed: int) -> Counter[str]:
    """Read by `newest` and by `at`, with a copy that stops half way now and then."""
    found = Counter[str]()
    pauses = random.Random(seed)

    def copy_slowly(slot: Picture) -> Picture:
        copied = np.empty_like(slot)
        half = len(slot) // 2
        copied[:half] = slot[:half]
        if pauses.random() < 0.2:
            time.sleep(pauses.uniform(0, 0.002))
        copied[half:] = slot[half:]
        words = copied.reshape(-1).view(np.uint64)
        found["torn copies"] += int(words[0] != words[-1])
        return copied

    reader = RingReader(folder.ring_path(CAMERA), CAMERA, copy=copy_slowly)
    end_s = time.monotonic() + duration_s
    last_seq = 0
    while time.monotonic() < end_s:
        frame = reader.newest()
        if frame is None:
            found["none"] += 1
            continue
        found["right" if is_right(frame) else "wrong"] += 1
        found["backwards"] += int(frame.ref.seq < last_seq)
        last_seq = frame.ref.seq
        again = reader.at(last_seq)
        if again is not None:
            found["right again" if is_right(again) and again.ref.seq == last_seq else "wrong"] += 1
    return found


def main() -> None:
    role, path, number, *seed = sys.argv[1:]
    folder = RingFolder(Path(path), BUDGET)
    if role == "read":
        print(json.dumps(read(folder, float(number), int(*seed))))  # noqa: T201 - its answer
    else:
        {"write": write, "die": die}[role](folder, int(number))


if __name__ == "__main__":
    main()
