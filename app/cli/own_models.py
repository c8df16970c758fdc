"""``camrec models add | check``: models of the user's own."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import click
import cv2

from app.cli.media_files import read_picture
from core.errors import CamrecError
from core.settings import get_settings
from core.types import Box, Detection, Picture
from inference.catalogue import ModelStore, load_catalogue, load_labels
from inference.decoders.formats import FORMATS
from inference.decoders.poses import POSES
from inference.gpu import gpu_of
from inference.looking import Sight, look
from inference.manifest import Colour, ModelEntry, Resize
from inference.opening import open_model
from inference.own_models import add_own
from inference.persons import build_person_detector
from inference.proposal import NORMALISATIONS, Proposal, propose
from inference.questions import Answers, UnansweredError
from inference.roles import ROLES
from storage.drawing import with_box

_POINT_COLOUR = (40, 220, 40)
_LEAST_POINT_SCORE = 0.3


class _Size(click.ParamType[tuple[int, int]]):
    name = "WIDTHxHEIGHT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        sides = str(value).lower().split("x")
        if len(sides) != 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
            self.fail(f"{value!r} is no size like 640x480", param, ctx)
        return int(sides[0]), int(sides[1])


class _Labels(click.ParamType[tuple[str, ...]]):
    name = "LABELS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if value == "coco":
            return load_labels(value)
        path = Path(str(value))
        try:
            parts = path.read_text("utf-8").splitlines() if path.is_file() else str(value).split(",")
        except (OSError, UnicodeDecodeError) as error:
            self.fail(f"{value} cannot be read: {error}", param, ctx)
        # A line of one character is that character, were it a space: alphabets have one.
        labels = tuple(kept for part in parts if (kept := part if len(part) == 1 else part.strip()))
        return labels or self.fail("no label in it", param, ctx)


_TASKS = tuple(dict.fromkeys(known.task for known in FORMATS.values()))
_TYPES: dict[str, click.ParamType[Any]] = {"decoder": click.Choice(list(FORMATS)), "labels": _Labels(), "size": _Size()}


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", help="To call it by; else the name of the file.")
@click.option("--task", type=click.Choice(_TASKS), help="What it does, where the file may mean several things.")
@click.option("--decoder", type=_TYPES["decoder"], help="How its outputs are read.")
@click.option(
    "--labels",
    type=_TYPES["labels"],
    help="Names of its classes, or its characters: with commas, a file, or coco.",
)
@click.option("--size", type=_TYPES["size"], help="Of its input, where the file takes any: WIDTHxHEIGHT.")
@click.option("--resize", type=click.Choice(get_args(Resize)), help="How pictures are brought to that size.")
@click.option("--colour", type=click.Choice(get_args(Colour)), help="Order of the channels.")
@click.option("--normalisation", type=click.Choice(list(NORMALISATIONS)), help="Of the values of pixels.")
@click.option("--licence", help="For the record.")
@click.option("--replace", "replaces", is_flag=True, help="Take the place of an own model of this name.")
def add(file: Path, replaces: bool, **said: Any) -> None:
    """Take a model of your own: an ONNX file with one input.

    What can be told from the file is told; the rest is asked for, or, without a terminal, named in the error. The file
    is tried before it is taken, and copied into the models folder.
    """
    store = ModelStore(get_settings().models_dir)
    proposal = _answered(file, Answers(**said))
    name = proposal.entry.name
    if name in load_catalogue():
        raise CamrecError(f"{name} is the name of a public model: give another one with --name.")
    if not replaces and name in {entry.name for entry in store.entries()}:
        raise CamrecError(f"There is a model {name}: use --replace, or give another name with --name.")
    path = add_own(store.models_dir, file, proposal.entry)
    entry = proposal.entry
    click.echo(f"{name}: {entry.task}, decoder {entry.decoder}, {len(entry.labels)} labels; described in {path}")
    if proposal.assumed:
        click.echo(f"Taken for granted, and easily wrong: {' '.join(proposal.assumed)}")
    click.echo(f"See what it sees: camrec models check {name} IMAGE")
    fitting = [role.key for role in ROLES.values() if role.fault_of(entry.decoder, entry.labels) is None]
    for key in fitting:
        click.echo(f"Use it: camrec models use {key} {name}")


def _answered(file: Path, answers: Answers) -> Proposal:
    while True:
        try:
            return propose(file, answers)
        except UnansweredError as error:
            if not sys.stdin.isatty():
                raise
            question = error.questions[0]
            answer = click.prompt(f"{question.text}\n--{question.option}", type=_TYPES[question.option])
            answers = replace(answers, **{question.option: answer})


@click.command()
@click.argument("name")
@click.argument("image", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Picture to write; else NAME-IMAGE.jpg.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def check(name: str, image: Path, out: Path | None, as_json: bool) -> None:
    """Show what a model sees in a picture: in words, and drawn into a copy."""
    store = ModelStore(get_settings().models_dir)
    entry = store.entry(name)
    picture = read_picture(image)
    session = open_model(store, entry, FORMATS, gpu=gpu_of(get_settings()), threads=1)
    sight = look(session, entry, picture, _persons_for(store, entry, picture))
    target = out or Path(f"{name}-{image.stem}.jpg")
    if not cv2.imwrite(str(target), _drawn(picture, sight)):
        raise CamrecError(f"The picture cannot be written to {target}.")
    if as_json:
        points = [[[round(float(value), 3) for value in point] for point in person] for person in sight.points]
        detections = [detection.as_json() for detection in sight.detections]
        plain = {"model": name, "detections": detections, "points": points, "note": sight.note, "out": str(target)}
        click.echo(json.dumps(plain, ensure_ascii=False))
        return
    for detection in sight.detections:
        click.echo(f"{_label_of(detection)} at {[round(v) for v in detection.box]}")
    if sight.points:
        click.echo(f"points of {len(sight.points)}")
    click.echo(" ".join(filter(None, [sight.note or ("" if sight.detections else "Nothing."), f"Drawn in {target}."])))


def _persons_for(store: ModelStore, entry: ModelEntry, picture: Picture) -> list[Box]:
    """Where the persons are whose poses a pose model is to see, as far as the detector of falls is there."""
    if entry.decoder not in POSES or not store.has(store.chosen("falls", "person").name):
        return []
    detector = build_person_detector(store, "falls", gpu=gpu_of(get_settings()), threads=1)
    (found,) = detector.detect([picture])
    return [person.box for person in found]


def _label_of(detection: Detection) -> str:
    read = "" if detection.text is None else f" {detection.text!r}"
    return f"{detection.label}{read} {detection.score:.2f}"


def _drawn(picture: Picture, sight: Sight) -> Picture:
    drawn = picture.copy()
    for detection in sight.detections:
        drawn = with_box(drawn, detection.box, _label_of(detection))
    radius = max(2, picture.shape[0] // 160)
    for x, y, score in (point for person in sight.points for point in person):
        if score >= _LEAST_POINT_SCORE:
            cv2.circle(drawn, (round(float(x)), round(float(y))), radius, _POINT_COLOUR, cv2.FILLED, cv2.LINE_AA)
    return drawn
