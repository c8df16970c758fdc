"""Falls found and false falls on the footage of ../shared/data, as it is and changed; speed beside the bare model.

Pictures are recognised once; what was seen is then judged at several rates and speeds, and looped for twenty minutes.

.venv/bin/python -m benchmarks.accuracy.falls
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from app.cli.media_files import VideoFile
from benchmarks.accuracy.plates import wilson
from benchmarks.report import SHARED_DATA, write_report
from capture.sampler import Pacer
from core.recognitions import RECOGNITIONS
from core.types import Detection, FrameRef, Observation, Picture
from events.falls import FallJudge
from inference.catalogue import ModelStore
from inference.recognisers import Recogniser, build_recogniser

KIND = "falls"
NATIVE_FPS = 30.0
SHIPPED_FPS = RECOGNITIONS[KIND].default_fps
RATES_FPS = (5.0, 8.0, 10.0, 15.0)
SPEEDS = (0.8, 1.0, 1.25)
PHASES_S = (0.0, 0.04, 0.08)
LOOP_S = 20 * 60.0

Change = Callable[[Picture], Picture]


def _noisy(picture: Picture) -> Picture:
    noise = np.random.default_rng(int(picture[0].sum())).normal(0, 8, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def _cropped(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    return picture[int(0.06 * height) : int(0.97 * height), int(0.08 * width) : int(0.92 * width)].copy()


CHANGES: dict[str, Change] = {
    "plain": lambda picture: picture,
    "mirrored": lambda picture: picture[:, ::-1].copy(),
    "cropped": _cropped,
    "noisy": _noisy,
}
LOOPED_CHANGES = ("plain", "cropped")


@dataclass(frozen=True)
class Seen:
    """What was seen on one frame."""

    at_s: float
    width: int
    height: int
    persons: tuple[Detection, ...]


def look(recogniser: Recogniser, path: Path, change: Change, fps: float) -> list[Seen]:
    """Recognise every frame of a video at that rate."""
    seen = []
    with VideoFile(path, fps) as video:
        for frame in video.frames():
            picture = change(frame.picture)
            height, width = picture.shape[:2]
            (persons,) = recogniser.recognise([picture])
            seen.append(Seen(frame.at_s, width, height, persons))
    return seen


def at_rate(seen: list[Seen], fps: float, speed: float = 1.0, phase_s: float = 0.0) -> Iterator[Seen]:
    """The frames that a camera would give of a scene that runs at that speed."""
    pacer = Pacer(fps)
    for one in seen:
        at_s = one.at_s / speed
        if at_s >= phase_s and pacer.take(at_s):
            yield replace(one, at_s=at_s)


def without_poses(seen: Iterable[Seen]) -> Iterator[Seen]:
    """As if no pose model were there."""
    for one in seen:
        yield replace(one, persons=tuple(replace(person, keypoints=None) for person in one.persons))


def falls_in(seen: Iterable[Seen]) -> int:
    """How many falls are told."""
    judge = FallJudge(camera_id=0, settings={})
    told = set()
    for one in seen:
        frame = FrameRef(0, 1 + round(one.at_s * 1e6), one.at_s, one.width, one.height)
        told |= {e.id for e in judge.observe(Observation(frame, KIND, one.persons)) if e.kind == "fall"}
    return len(told | {e.id for e in judge.finish() if e.kind == "fall"})


def share(right: int, count: int) -> dict[str, Any]:
    low, high = wilson(right, count)
    return {
        "right": right,
        "of": count,
        "share": round(right / count, 3),
        "interval_95": [round(low, 3), round(high, 3)],
    }


def measure_falls(recogniser: Recogniser, clips: list[Path]) -> dict[str, Any]:
    """Clips with exactly one fall told. The changed ones are no independent samples, so they have no interval."""
    table: dict[str, Any] = {}
    for name, change in CHANGES.items():
        looks = [look(recogniser, clip, change, NATIVE_FPS) for clip in clips]
        table[name] = {}
        for fps in RATES_FPS:
            counts = [
                falls_in(at_rate(seen, fps, speed, phase_s))
                for seen in looks
                for speed in SPEEDS
                for phase_s in PHASES_S
            ]
            table[name][f"{fps:g} fps"] = {
                "exactly_one": round(sum(c == 1 for c in counts) / len(counts), 3),
                "more": sum(c > 1 for c in counts),
                "runs": len(counts),
            }
        if name == "plain":
            as_shipped = [falls_in(at_rate(seen, SHIPPED_FPS)) for seen in looks]
            boxes_only = [falls_in(without_poses(at_rate(seen, SHIPPED_FPS))) for seen in looks]
    figures = {
        "as_it_is": share(as_shipped.count(1), len(looks)),
        "boxes_only": share(boxes_only.count(1), len(looks)),
    }
    return {**figures, "changed_at_speeds_0.8_1_1.25": table}


def measure_without_falls(recogniser: Recogniser, clips: list[Path]) -> dict[str, Any]:
    """Clips in which no fall is told."""
    looks = {clip.name: look(recogniser, clip, CHANGES["plain"], SHIPPED_FPS) for clip in clips}
    told = [name for name, seen in looks.items() if falls_in(seen)]
    boxes_only = [name for name, seen in looks.items() if falls_in(without_poses(seen))]
    return {**share(len(clips) - len(told), len(clips)), "told": told, "told_by_boxes_only": boxes_only}


def looped(looks: list[list[Seen]], rng: random.Random) -> Iterator[Seen]:
    """The same scene again and again, each time changed, at another speed, with boxes that shake and drop out."""
    start_s = 0.0
    while start_s < LOOP_S:
        speed = rng.uniform(0.7, 1.4)
        for one in at_rate(rng.choice(looks), SHIPPED_FPS, speed):
            persons = tuple(_shaken(d, rng) for d in one.persons if rng.random() > 0.05)
            yield replace(one, at_s=start_s + one.at_s, persons=persons)
        start_s += one.at_s + rng.uniform(0.1, 3.0)


def _shaken(person: Detection, rng: random.Random) -> Detection:
    x1, y1, x2, y2 = person.box
    dx, dy = 0.03 * (x2 - x1), 0.03 * (y2 - y1)
    box = (x1 + rng.gauss(0, dx), y1 + rng.gauss(0, dy), x2 + rng.gauss(0, dx), y2 + rng.gauss(0, dy))
    return replace(person, box=box, score=person.score * rng.uniform(0.7, 1.0))


def measure_looped(recogniser: Recogniser, video: Path) -> dict[str, Any]:
    looks = [look(recogniser, video, CHANGES[name], SHIPPED_FPS) for name in LOOPED_CHANGES]
    rng = random.Random(7)  # noqa: S311
    return {"minutes": LOOP_S / 60, "falls_told": falls_in(looped(looks, rng))}


def measure_speed(pictures: list[Picture]) -> dict[str, Any]:
    """Pictures a second on one core, with everything around the model and by the model alone."""
    recogniser = build_recogniser(KIND, ModelStore(SHARED_DATA / "models"), None, threads=1)
    session, batch = _bare_model()
    figures: dict[str, Any] = {}
    for size in (1, 4, 16):
        # The file's batch is fixed at one picture, so that a larger batch is as many runs of the bare model.
        figures[f"batch {size}"] = {
            "recogniser_fps_per_core": _rate(partial(recogniser.recognise, pictures[:size]), size),
            "bare_model_fps_per_core": _rate(partial(_run, session, batch, size), size),
        }
    return figures


def _run(session: Any, batch: dict[str, Any], times: int) -> None:
    for _ in range(times):
        session.run(None, batch)


def _bare_model() -> tuple[Any, dict[str, Any]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    store = ModelStore(SHARED_DATA / "models")
    path = store.path_of(store.chosen(KIND, "person").name)
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    return session, {entry.name: np.full(entry.shape, 114, np.float32)}


def _rate(work: Callable[[], Any], size: int) -> float:
    """Per second of this thread's CPU time, in which all of it runs, so that other work on the machine counts less."""
    work()
    best_s = float("inf")
    for _ in range(5):
        start_s = time.thread_time()
        for _ in range(max(1, 16 // size)):
            work()
        best_s = min(best_s, (time.thread_time() - start_s) / max(1, 16 // size))
    return round(size / best_s, 1)


def main() -> None:
    clips = sorted((SHARED_DATA / "falls").glob("*.mp4"))
    if not clips:
        sys.exit(f"No footage in {SHARED_DATA / 'falls'}.")
    recogniser = build_recogniser(KIND, ModelStore(SHARED_DATA / "models"), None, threads=1)
    with VideoFile(clips[0], NATIVE_FPS) as video:
        pictures = [frame.picture for frame in islice(video.frames(), 16)]
    videos = [SHARED_DATA / "videos" / name for name in ("one-by-one-person-detection.mp4", "car-detection.mp4")]
    write_report(
        "accuracy_falls",
        {
            "model": recogniser.model,
            "falls": measure_falls(recogniser, clips),
            "calm": measure_without_falls(recogniser, sorted((SHARED_DATA / "fights" / "calm").glob("*.mp4"))),
            "fights": measure_without_falls(recogniser, sorted((SHARED_DATA / "fights" / "fight").glob("*.mp4"))),
            "looped": {video.name: measure_looped(recogniser, video) for video in videos},
            "speed": measure_speed(pictures),
        },
    )


if __name__ == "__main__":
    main()
