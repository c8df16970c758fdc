"""The manifest entry of a user's file: read off its graph and metadata, completed by answers, and tried."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import CamrecError
from inference.catalogue import load_labels, sha256_of
from inference.decoders.formats import ANY, FORMATS, Format, Graph
from inference.decoders.plausible import is_plausible
from inference.exporter_metadata import DECODERS_OF_TASK, names_in, size_in
from inference.looking import look
from inference.manifest import Colour, Layout, ModelEntry, ModelInput, Resize
from inference.session import ModelError, ModelSession, open_session, show_shape

NORMALISATIONS: dict[str, tuple[float | tuple[float, ...], float | tuple[float, ...]]] = {
    "raw": (0.0, 1.0),
    "unit": (0.0, 1 / 255),
    "signed": (127.5, 1 / 127.5),
    "imagenet": ((123.675, 116.28, 103.53), (1 / 58.395, 1 / 57.12, 1 / 57.375)),
}
"""Mean and scale: 0 to 255 as it is, to 0 … 1, to -1 … 1, or by the statistics of ImageNet (in RGB order)."""

_LABEL_SETS = ("coco",)


@dataclass(frozen=True, slots=True)
class Question:
    """Something that neither the file nor the user has said."""

    option: str
    """Of `camrec models add`, without the dashes."""
    text: str
    choices: tuple[str, ...] = ()


class UnansweredError(CamrecError):
    """The file alone does not say enough."""

    def __init__(self, *questions: Question) -> None:
        super().__init__("The file does not say everything. " + " ".join(map(_as_text, questions)))
        self.questions = questions


@dataclass(frozen=True, slots=True)
class Answers:
    """What the user has said; None: nothing."""

    name: str | None = None
    task: str | None = None
    decoder: str | None = None
    labels: tuple[str, ...] | None = None
    size: tuple[int, int] | None = None
    """Width and height."""
    resize: Resize | None = None
    colour: Colour | None = None
    normalisation: str | None = None
    licence: str | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """An entry, and where it comes from."""

    entry: ModelEntry
    assumed: tuple[str, ...] = field(default=())
    """What such models mostly want and nobody has said, as options of `camrec models add`."""


def propose(path: Path, answers: Answers) -> Proposal:
    """Describe a file so that it can be used, and try it on a black picture.

    Raises:
        UnansweredError: something must be said.
        ModelError: the file is no model that can be run; the text says what was found and expected.
        CamrecError: answers and file do not agree.
    """
    session = open_session(path, gpu=None, threads=1)
    metadata = session.metadata
    graph = _graph(session, size_in(metadata), answers)
    decoder, count = _decoder(session, graph, metadata, answers)
    known = FORMATS[decoder]
    labels = known.only_labels or _labels(count, metadata, answers)
    taken, assumed = _input(session, graph, known, answers)
    entry = ModelEntry(
        name=answers.name or plain_name(path.stem),
        file="",
        task=known.task,
        decoder=decoder,
        input=taken,
        output=session.output_shapes[0],
        licence=answers.licence or metadata.get("license") or "unknown",
        size_bytes=path.stat().st_size,
        sha256=sha256_of(path),
        good_for=metadata.get("description") or "added by hand",
        labels=labels,
        own=True,
    )
    look(session, entry, np.zeros((graph.size[1], graph.size[0], 3), np.uint8))
    return Proposal(entry, assumed)


def plain_name(text: str) -> str:
    """A name that is safe as a file name and in YAML.

    >>> plain_name("My model (v2)")
    'my_model_v2'
    """
    return re.sub(r"[^a-z0-9._-]+", "_", text.lower()).strip("._-") or "model"


def _graph(session: ModelSession, said: tuple[int, int] | None, answers: Answers) -> Graph:
    layout = _layout(session)
    width, height = (session.input_shape[layout.index(side)] for side in "WH")
    if width is None or height is None:
        size = answers.size or said
        if size is None:
            text = f"the file takes pictures of any size {show_shape(session.input_shape)}; give WIDTHxHEIGHT"
            raise UnansweredError(Question("size", text))
        width, height = width or size[0], height or size[1]
    shapes = session.output_shapes
    # Many outputs of two dimensions are those of a face detector without a batch: nothing else has rows and no batch.
    lacks_batch = len(shapes) > 2 and all(len(shape) == 2 for shape in shapes)
    return Graph(layout, (width, height), tuple(shape if lacks_batch else shape[1:] for shape in shapes))


def _layout(session: ModelSession) -> Layout:
    shape = session.input_shape
    layouts: dict[tuple[int, int], Layout] = {(4, 1): "NCHW", (4, 3): "NHWC", (5, 1): "NCTHW", (5, 2): "NTCHW"}
    for (dimensions, channels), layout in layouts.items():
        if len(shape) == dimensions and shape[channels] == 3:
            return layout
    raise ModelError(
        f"{session.path.name} cannot be used: expected an input of pictures (batch, 3, height, width) or (batch, "
        "height, width, 3), or of clips (batch, 3, frames, height, width) or (batch, frames, 3, height, width), found "
        f"{show_shape(shape)}."
    )


def _decoder(session: ModelSession, graph: Graph, metadata: dict[str, str], answers: Answers) -> tuple[str, int]:
    """The decoder, and the number of labels that it needs."""
    fitting = {name: count for name, known in FORMATS.items() if (count := known.labels(graph)) is not None}
    if answers.decoder is not None:
        if answers.decoder not in fitting:
            raise _misfit(session, f" with decoder {answers.decoder}", [answers.decoder])
        return answers.decoder, fitting[answers.decoder]
    by_task = {n: c for n, c in fitting.items() if answers.task in {None, FORMATS[n].task}}
    likely = _plausible(session, graph, _said_by_exporter(session, metadata, by_task))
    if not likely:
        raise _misfit(session, "" if answers.task is None else f" for {answers.task}", list(FORMATS))
    labels = answers.labels or names_in(metadata)
    if labels is not None and len(likely) > 1:
        likely = {n: c for n, c in likely.items() if c in {len(labels), ANY}} or likely
    if len(likely) == 1:
        return next(iter(likely.items()))
    meant = ", ".join(f"{n} ({FORMATS[n].task}{f' with {c} labels' if c > 0 else ''})" for n, c in likely.items())
    questions = [Question("decoder", f"outputs {_outputs(session)} may be {meant}", tuple(likely))]
    if labels is None and 0 not in likely.values():
        questions.append(_labels_question(ANY))
    raise UnansweredError(*questions)


def _misfit(session: ModelSession, wish: str, decoders: Sequence[str]) -> ModelError:
    expected = "; ".join(f"{name} {FORMATS[name].outputs}" for name in decoders)
    return ModelError(
        f"{session.path.name} cannot be used{wish}: found outputs {_outputs(session)} for an input "
        f"{show_shape(session.input_shape)}; expected, after the batch: {expected}."
    )


def _outputs(session: ModelSession) -> str:
    return ", ".join(show_shape(shape) for shape in session.output_shapes)


def _plausible(session: ModelSession, graph: Graph, fitting: dict[str, int]) -> dict[str, int]:
    """Those whose format the values have, too; noise is a picture on which every part of a model answers something."""
    if len(fitting) < 2:
        return fitting
    shape = [size or 1 for size in session.input_shape]
    shape[graph.layout.index("W")], shape[graph.layout.index("H")] = graph.size
    noise = np.random.default_rng(0).random(shape)
    batch = (noise * 255 if session.input_type == np.uint8 else noise).astype(session.input_type)
    outputs = [output[0].astype(np.float32) for output in session.run(batch)]
    return {name: count for name, count in fitting.items() if is_plausible(name, outputs)}


def _said_by_exporter(session: ModelSession, metadata: dict[str, str], fitting: dict[str, int]) -> dict[str, int]:
    task = metadata.get("task")
    if task is None:
        return fitting
    if task not in DECODERS_OF_TASK:
        raise ModelError(
            f"{session.path.name} cannot be used: expected a model for {', '.join(DECODERS_OF_TASK)}, found one for "
            f"{task}."
        )
    return {name: fitting[name] for name in DECODERS_OF_TASK[task] if name in fitting} or fitting


def _labels(count: int, metadata: dict[str, str], answers: Answers) -> tuple[str, ...]:
    if count == 0:
        return ()
    labels = answers.labels or names_in(metadata)
    if labels is None:
        raise UnansweredError(_labels_question(count))
    if count not in {ANY, len(labels)}:
        raise CamrecError(f"The model has {count} classes, but {len(labels)} labels were given: {', '.join(labels)}.")
    return labels


def _labels_question(count: int) -> Question:
    known = [name for name in _LABEL_SETS if count in {ANY, len(load_labels(name))}]
    names = "the names of its classes" if count == ANY else f"the names of its {count} classes"
    sets = "".join(f", or the word {name} for its {len(load_labels(name))}" for name in known)
    return Question("labels", f"{names} with commas, a file with one a line{sets}")


def _as_text(question: Question) -> str:
    choices = f" Choices: {', '.join(question.choices)}." if question.choices else ""
    return f"--{question.option} is needed: {question.text}.{choices}"


def _input(session: ModelSession, graph: Graph, known: Format, answers: Answers) -> tuple[ModelInput, tuple[str, ...]]:
    normalisation = "raw" if session.input_type == np.uint8 else known.normalisation
    usual = {"resize": known.resize, "colour": known.colour, "normalisation": normalisation}
    said = {option: value for option in usual if (value := getattr(answers, option)) is not None}
    chosen: dict[str, Any] = {**usual, **said}
    mean, scale = NORMALISATIONS[chosen["normalisation"]]
    if isinstance(mean, tuple) and isinstance(scale, tuple) and chosen["colour"] == "BGR":
        mean, scale = mean[::-1], scale[::-1]
    shape = list(session.input_shape)
    shape[graph.layout.index("W")], shape[graph.layout.index("H")] = graph.size
    taken = ModelInput(tuple(shape), chosen["resize"], chosen["colour"], mean, scale, graph.layout)
    return taken, tuple(f"--{option} {value}" for option, value in usual.items() if option not in said)
