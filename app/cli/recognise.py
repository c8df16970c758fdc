"""``camrec recognise``: one recognition over pictures and videos, with no server."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import click

from app.cli.media_files import UnreadableFileError, VideoFile, VideoFrame, is_picture, read_picture
from core.recognitions import RECOGNITIONS
from core.settings import Settings, get_settings
from core.types import Detection, Event, FrameRef, Observation
from events import new_judge
from inference.catalogue import ModelStore
from inference.recognisers import Recogniser, build_recogniser

LONG_VIDEO_S = 10.0
"""A video of this length shows how far it is, if somebody looks at standard error."""

_NO_CAMERA = 0


@click.command()
@click.argument("kind", type=click.Choice(list(RECOGNITIONS)))
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def recognise(kind: str, paths: tuple[Path, ...], as_json: bool) -> None:
    """Run one recognition over pictures or videos: a line for each picture, a line for each event of a video.

    After the events of a video comes a line that sums it up. A file that cannot be read makes the exit status 1.
    """
    settings = get_settings()
    threads = len(os.sched_getaffinity(0))
    recogniser = build_recogniser(kind, ModelStore(settings.models_dir), gpu=settings.gpu, threads=threads)
    click.echo(f"{kind}: {recogniser.model}: {recogniser.describe()}", err=True)
    show = _show_json if as_json else _show_text
    is_whole = True
    for path in paths:
        for line in _lines(kind, path, recogniser, settings):
            is_whole = is_whole and "error" not in line
            show({"path": str(path), "kind": kind, **line})
    if not is_whole:
        sys.exit(1)


def _lines(kind: str, path: Path, recogniser: Recogniser, settings: Settings) -> Iterator[dict[str, Any]]:
    try:
        if is_picture(path):
            (detections,) = recogniser.recognise([read_picture(path)])
            yield {"at": 0.0, "detections": [d.as_json() for d in detections]}
        else:
            with VideoFile(path, RECOGNITIONS[kind].default_fps) as video:
                yield from _video_lines(kind, path, video, recogniser, settings.max_batch)
    except UnreadableFileError as error:
        yield {"error": str(error)}


def _video_lines(
    kind: str, path: Path, video: VideoFile, recogniser: Recogniser, max_batch: int
) -> Iterator[dict[str, Any]]:
    judge = new_judge(kind, _NO_CAMERA, {})
    events: dict[str, Event] = {}
    count, damage = 0, None
    with _progress(path, video.duration_s) as advance:
        frames = video.frames()
        while damage is None:
            batch, damage = _next_batch(frames, max_batch)
            if not batch:
                break
            count += len(batch)
            for observation in _observations(kind, batch, recogniser):
                events.update((event.id, event) for event in judge.observe(observation))
            advance(batch[-1].at_s)
    if count == 0 and damage is not None:
        raise damage
    events.update((event.id, event) for event in judge.finish())
    in_order = sorted(events.values(), key=lambda event: event.started_at)
    plain = [_event_json(event) for event in in_order]
    for event, one in zip(in_order, plain, strict=True):
        yield {"at": one["at"], "detections": _shown_by(event), "events": [one]}
    summary = {"frames": count, "score": max((one["score"] for one in plain), default=0.0), "events": plain}
    # What came before the damage is told all the same.
    yield summary if damage is None else {**summary, "error": str(damage)}


def _next_batch(frames: Iterator[VideoFrame], size: int) -> tuple[list[VideoFrame], UnreadableFileError | None]:
    batch: list[VideoFrame] = []
    try:
        batch.extend(islice(frames, size))
    except UnreadableFileError as error:
        return batch, error
    return batch, None


def _observations(kind: str, batch: list[VideoFrame], recogniser: Recogniser) -> Iterable[Observation]:
    seen = recogniser.recognise([frame.picture for frame in batch])
    for frame, detections in zip(batch, seen, strict=True):
        height, width = frame.picture.shape[:2]
        ref = FrameRef(_NO_CAMERA, 1 + round(frame.at_s * 1e6), frame.at_s, width, height)
        yield Observation(ref, kind, detections, recogniser.model)


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
