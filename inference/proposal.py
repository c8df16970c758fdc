"""The manifest entry of a user's file: read off its graph and metadata, completed by answers, and tried."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import CamrecError
from inference.catalogue import sha256_of
from inference.decoders.formats import ANY, FORMATS, TEXT_RECOGNITION, Format, Graph
from inference.decoders.plausible import is_plausible
from inference.exporter_metadata import DECODERS_OF_TASK, names_in, size_in
from inference.labelling import alphabet_of, alphabet_question, labels_of, labels_question, may_have
from inference.looking import look
from inference.manifest import Layout, ModelEntry, ModelInput, Resize
from inference.questions import Answers, Question, UnansweredError
from inference.session import ModelError, ModelSession, open_session
from inference.shapes import show_shape
from inference.text.characters import characters_in

NORMALISATIONS: dict[str, tuple[float | tuple[float, ...], float | tuple[float, ...]]] = {
    "raw": (0.0, 1.0),
    "unit": (0.0, 1 / 255),
    "signed": (127.5, 1 / 127.5),
    "imagenet": ((123.675, 116.28, 103.53), (1 / 58.395, 1 / 57.12, 1 / 57.375)),
}
"""Mean and scale: 0 to 255 as it is, to 0 … 1, to -1 … 1, or by the statistics of ImageNet (in RGB order)."""

_LINE_ASPECT = 8
"""Width / height of a line to try a model with that takes any width."""

_PADDED_ASPECT = 5


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
    if known.task == TEXT_RECOGNITION:
        labels = alphabet_of(decoder, graph, metadata, answers)
    else:
        _check_for_pictures(session, graph, answers)
        labels = known.only_labels or labels_of(count, metadata, answers)
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
    any_width = width is None and (height is not None or answers.size is not None)
    if width is None or height is None:
        size = answers.size or said or (None if height is None else (_LINE_ASPECT * height, height))
        if size is None:
            raise UnansweredError(_size_question(session))
        width, height = width or size[0], height or size[1]
    shapes = session.output_shapes
    # Many outputs of two dimensions are those of a face detector without a batch: nothing else has rows and no batch.
    lacks_batch = len(shapes) > 2 and all(len(shape) == 2 for shape in shapes)
    return Graph(layout, (width, height), tuple(shape if lacks_batch else shape[1:] for shape in shapes), any_width)


def _check_for_pictures(session: ModelSession, graph: Graph, answers: Answers) -> None:
    """Only lines of text come in any width, and only they are fed at a fixed height."""
    if graph.any_width and answers.size is None and size_in(session.metadata) is None:
        raise UnansweredError(_size_question(session))
    if answers.resize == "height":
        raise CamrecError("--resize height is for text recognition only.")


def _layout(session: ModelSession) -> Layout:
    shape = session.input_shape
    layouts: dict[tuple[int, int], Layout] = {(4, 1): "NCHW", (4, 3): "NHWC", (5, 1): "NCTHW", (5, 2): "NTCHW"}
    for (dimensions, channels), layout in layouts.items():
        # One channel: text recognisers often see grey.
        if len(shape) == dimensions and shape[channels] in {3, 1 if dimensions == 4 else 3}:
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
    # Steps of symbols look like many things: a reader of text is thought of where nothing else fits.
    likely = {n: c for n, c in likely.items() if FORMATS[n].task != TEXT_RECOGNITION} or likely
    if not likely:
        raise _misfit(session, "" if answers.task is None else f" for {answers.task}", list(FORMATS))
    labels = answers.labels or names_in(metadata) or characters_in(metadata) or None
    if labels is not None and len(likely) > 1:
        likely = {n: c for n, c in likely.items() if may_have(n, graph, labels)} or likely
    if len(likely) == 1:
        return next(iter(likely.items()))
    meant = ", ".join(f"{n} ({FORMATS[n].task}{f' with {c} labels' if c > 0 else ''})" for n, c in likely.items())
    questions = [Question("decoder", f"outputs {_outputs(session)} may be {meant}", tuple(likely))]
    if labels is None and 0 not in likely.values():
        reads = all(FORMATS[name].task == TEXT_RECOGNITION for name in likely)
        questions.append(alphabet_question(()) if reads else labels_question(ANY))
    raise UnansweredError(*questions)


def _size_question(session: ModelSession) -> Question:
    text = f"the file takes pictures of any size {show_shape(session.input_shape)}; give WIDTHxHEIGHT"
    return Question("size", text)


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


def _input(session: ModelSession, graph: Graph, known: Format, answers: Answers) -> tuple[ModelInput, tuple[str, ...]]:
    normalisation = "raw" if session.input_type == np.uint8 else known.normalisation
    resize: Resize = known.resize
    if resize == "height" and not graph.any_width and graph.size[0] < _PADDED_ASPECT * graph.size[1]:
        # Readers of plates alone, like LPRNet, are fed plates squeezed to their size.
        resize = "stretch"
    usual = {"resize": resize, "colour": known.colour, "normalisation": normalisation}
    said = {option: value for option in usual if (value := getattr(answers, option)) is not None}
    chosen: dict[str, Any] = {**usual, **said}
    mean, scale = NORMALISATIONS[chosen["normalisation"]]
    if isinstance(mean, tuple) and isinstance(scale, tuple) and chosen["colour"] == "BGR":
        mean, scale = mean[::-1], scale[::-1]
    shape = list(session.input_shape)
    shape[graph.layout.index("W")], shape[graph.layout.index("H")] = graph.size
    if known.task == TEXT_RECOGNITION and graph.any_width:
        shape[graph.layout.index("W")] = None
    taken = ModelInput(tuple(shape), chosen["resize"], chosen["colour"], mean, scale, graph.layout)
    return taken, tuple(f"--{option} {value}" for option, value in usual.items() if option not in said)
