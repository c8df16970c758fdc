"""``camrec recognise``: one recognition over pictures and videos, with no server."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import click

from app.cli.media_files import UnreadableFileError, VideoFile, VideoFrame, is_picture, read_picture
from app.cli.video_clips import clips_of
from core.recognitions import RECOGNITIONS
from core.settings import get_settings
from core.types import Clip, Detection, Event, FrameRef, Observation, Picture
from events import new_judge
from events.plate_formats import check_regions, fold
from inference.catalogue import ModelStore
from inference.gpu import gpu_of
from inference.recognisers import Recogniser, build_recogniser
from inference.recognisers.plates import PlateRecogniser
from reid.gallery import MemoryGallery
from reid.live_index import LiveIndex
from reid.matching import Matcher

LONG_VIDEO_S = 10.0
"""A video of this length shows how far it is, if somebody looks at standard error."""

Sample = tuple[VideoFrame, Picture | Clip]
"""A frame, and what is recognised: its picture, or the clip that ends with it."""


@click.command()
@click.argument("kind", type=click.Choice(list(RECOGNITIONS)))
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.option(
    "--regions",
    metavar="CODE,…",
    default="",
    help="Whose plates are seen, e.g. TW or SK,CZ: confused characters are put right by their formats (plates only).",
)
def recognise(kind: str, paths: tuple[Path, ...], as_json: bool, regions: str) -> None:
    """Run one recognition over pictures or videos: a line for each picture, a line for each event of a video.

    After the events of a video comes a line that sums it up. A file that cannot be read makes the exit status 1.
    """
    judge_settings = _judge_settings(kind, regions)
    settings = get_settings()
    threads = len(os.sched_getaffinity(0))
    recogniser = build_recogniser(kind, ModelStore(settings.models_dir), gpu=gpu_of(settings), threads=threads)
    click.echo(f"{kind}: {recogniser.model}: {recogniser.describe()}", err=True)
    show = _show_json if as_json else _show_text
    is_whole = True
    run = _Run(kind, recogniser, settings.max_batch, judge_settings, _matcher(kind))
    for number, path in enumerate(paths):
        for line in _lines(run, number, path):
            is_whole = is_whole and "error" not in line
            show({"path": str(path), "kind": kind, **line})
    if not is_whole:
        sys.exit(1)


@dataclass(frozen=True, slots=True)
class _Run:
    """What holds for all files."""

    kind: str
    recogniser: Recogniser
    max_batch: int
    judge_settings: dict[str, Any]
    matcher: Matcher | None


def _judge_settings(kind: str, regions: str) -> dict[str, Any]:
    if not regions:
        return {}
    if kind != "plates":
        raise click.UsageError(f"--regions is for plates, not for {kind}.")
    return {"regions": list(check_regions(code.strip() for code in regions.split(",")))}


def _look_at(recogniser: Recogniser, picture: Picture, judge_settings: dict[str, Any]) -> tuple[Detection, ...]:
    """What is on a still picture. Nothing is judged, so that plates are put right here."""
    if not isinstance(recogniser, PlateRecogniser):
        return recogniser.recognise([picture])[0]
    codes = judge_settings.get("regions", ())
    return tuple(replace(d, text=fold(d.text or "", codes)) for d in recogniser.recognise_still(picture))


def _lines(run: _Run, number: int, path: Path) -> Iterator[dict[str, Any]]:
    try:
        if is_picture(path):
            if RECOGNITIONS[run.kind].clip is not None:
                raise UnreadableFileError(f"a picture: {run.kind} looks at motion, and needs a video")
            detections = _look_at(run.recogniser, read_picture(path), run.judge_settings)
            yield {"at": 0.0, "detections": [d.as_json() for d in detections]}
        else:
            with VideoFile(path, RECOGNITIONS[run.kind].default_fps) as video:
                yield from _video_lines(run, number, path, video)
    except UnreadableFileError as error:
        yield {"error": str(error)}


def _video_lines(run: _Run, number: int, path: Path, video: VideoFile) -> Iterator[dict[str, Any]]:
    """Each video is a camera of its own."""
    judge = new_judge(run.kind, number, run.judge_settings, matcher=run.matcher)
    events: dict[str, Event] = {}
    highest, damage = 0.0, None
    with _progress(path, video.duration_s) as advance:
        samples = _samples(run.kind, video)
        while damage is None:
            batch, damage = _next_batch(samples, run.max_batch)
            if not batch:
                break
            for observation in _observations(run, number, batch):
                events.update((event.id, event) for event in judge.observe(observation))
                highest = max(highest, *(d.score for d in observation.detections), 0.0)
            advance(batch[-1][0].at_s)
    if video.sampled == 0 and damage is not None:
        raise damage
    events.update((event.id, event) for event in judge.finish())
    in_order = sorted(events.values(), key=lambda event: event.started_at)
    plain = [_event_json(event) for event in in_order]
    for event, one in zip(in_order, plain, strict=True):
        yield {"at": one["at"], "detections": _shown_by(event), "events": [one]}
    # A clip has one score, which tells how near an event was; of frames only events have a score of that meaning.
    without = round(highest, 4) if RECOGNITIONS[run.kind].clip else 0.0
    score = max((one["score"] for one in plain), default=without)
    summary = {"frames": video.sampled, "score": score, "events": plain}
    # What came before the damage is told all the same.
    yield summary if damage is None else {**summary, "error": str(damage)}


def _matcher(kind: str) -> Matcher | None:
    """What the judge of this kind asks beyond its camera: for `reid` a gallery that ends with this call."""
    if kind != "reid":
        return None
    gallery = MemoryGallery()
    return Matcher(gallery, LiveIndex(gallery))


def _samples(kind: str, video: VideoFile) -> Iterator[Sample]:
    """What is recognised: each frame, or each clip with its newest frame."""
    shape = RECOGNITIONS[kind].clip
    if shape is not None:
        return clips_of(video.frames(), shape)
    return ((frame, frame.picture) for frame in video.frames())


def _next_batch(samples: Iterator[Sample], size: int) -> tuple[list[Sample], UnreadableFileError | None]:
    batch: list[Sample] = []
    try:
        batch.extend(islice(samples, size))
    except UnreadableFileError as error:
        return batch, error
    return batch, None


def _observations(run: _Run, number: int, batch: list[Sample]) -> Iterable[Observation]:
    seen = run.recogniser.recognise([sample for _, sample in batch])
    for (frame, sample), detections in zip(batch, seen, strict=True):
        # Boxes are pixels of what was recognised.
        height, width = (sample.pictures[0] if isinstance(sample, Clip) else sample).shape[:2]
        ref = FrameRef(number, 1 + round(frame.at_s * 1e6), frame.at_s, width, height)
        yield Observation(ref, run.kind, detections, run.recogniser.model)


def _shown_by(event: Event) -> list[dict[str, Any]]:
    """What was seen on the frame that shows the event best."""
    if event.box is None:
        return []
    return [Detection(event.kind, event.score, event.box, text=event.text).as_json()]


def _event_json(event: Event) -> dict[str, Any]:
    """An event with times in seconds from the start of the video."""
    return {
        "id": event.id,
        "recognition": event.recognition,
        "kind": event.kind,
        "at": round(event.started_at, 3),
        "until": None if event.ended_at is None else round(event.ended_at, 3),
        "best_at": round(event.best.captured_at, 3),
        "score": round(float(event.score), 4),
        "text": event.text,
        "box": None if event.box is None else [round(float(v), 1) for v in event.box],
        "details": event.details,
    }


@contextmanager
def _progress(path: Path, duration_s: float) -> Iterator[Any]:
    if duration_s < LONG_VIDEO_S or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(path.name, total=duration_s)
        yield lambda at_s: bars.update(task, completed=at_s)


def _show_json(line: dict[str, Any]) -> None:
    click.echo(json.dumps(line, ensure_ascii=False))


def _show_text(line: dict[str, Any]) -> None:
    if "frames" in line:
        click.echo(f"{line['path']}: {len(line['events'])} events in {line['frames']} frames")
    elif "events" in line:
        for event in line["events"]:
            until = "" if event["until"] is None else f" to {event['until']:.1f} s"
            click.echo(f"{line['path']}: {event['kind']} {_text_and_score(event)}, {event['at']:.1f} s{until}")
    elif "detections" in line:
        found = "; ".join(f"{d['label']} {_text_and_score(d)} at {d['box']}" for d in line["detections"])
        click.echo(f"{line['path']}: {found or 'nothing'}")
    if "error" in line:
        click.echo(f"{line['path']}: {line['error']}", err=True)


def _text_and_score(thing: dict[str, Any]) -> str:
    return f"{thing['text']} ({thing['score']:.2f})" if thing.get("text") else f"{thing['score']:.2f}"
