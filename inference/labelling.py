"""The labels of a user's file, and the alphabet of one that reads: from its metadata or the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.errors import CamrecError
from inference.catalogue import load_labels
from inference.decoders.formats import ANY, FORMATS, TEXT_RECOGNITION, Graph, symbol_counts
from inference.decoders.text import PAD
from inference.exporter_metadata import names_in
from inference.questions import Answers, Question, UnansweredError
from inference.text.characters import as_characters, characters_in, completed

_LABEL_SETS = ("coco",)
_MOST_SHOWN = 80


def labels_of(count: int, metadata: Mapping[str, str], answers: Answers) -> tuple[str, ...]:
    """The names of a model's classes.

    Raises:
        UnansweredError: nobody has said them.
        CamrecError: there are more or fewer than ``count``.
    """
    if count == 0:
        return ()
    labels = answers.labels or names_in(metadata)
    if labels is None:
        raise UnansweredError(labels_question(count))
    if count not in {ANY, len(labels)}:
        raise CamrecError(f"The model has {count} classes, but {len(labels)} labels were given: {', '.join(labels)}.")
    return labels


def alphabet_of(decoder: str, graph: Graph, metadata: Mapping[str, str], answers: Answers) -> tuple[str, ...]:
    """The characters that a text model reads; empty where the file itself holds them.

    Raises:
        UnansweredError: nobody has said them.
        CamrecError: there are more or fewer than the outputs tell.
    """
    counts = _character_counts(decoder, graph)
    held = characters_in(metadata)
    given = answers.labels or names_in(metadata) or held
    if not given:
        raise UnansweredError(alphabet_question(counts))
    characters = _fitting(as_characters(given), counts)
    if characters is None:
        several = " or ".join(map(str, counts))
        raise CamrecError(
            f"The model reads {several} characters, but the alphabet has {len(as_characters(given))}: "
            f"{''.join(as_characters(given))[:_MOST_SHOWN]}."
        )
    return () if given is held else characters


def _character_counts(decoder: str, graph: Graph) -> tuple[int, ...]:
    """How many characters an alphabet may have; none: any number."""
    if decoder == "slots":
        count = FORMATS[decoder].labels(graph)
        return () if count is None or count == ANY else (count,)
    return tuple(count - 1 for count in symbol_counts(graph))


def _fitting(characters: tuple[str, ...], counts: Sequence[int]) -> tuple[str, ...] | None:
    if not counts or len(characters) in counts:
        return characters
    return next((found for n in counts if len(found := completed(characters, n)) == n), None)


def alphabet_question(counts: Sequence[int]) -> Question:
    """Asks for the characters that a text model reads."""
    names = f"the {counts[0]} characters that it reads" if len(counts) == 1 else "the characters that it reads"
    return Question("labels", f"{names}, in order: all in one word, or a file with one a line")


def labels_question(count: int) -> Question:
    """Asks for the names of that many classes."""
    known = [name for name in _LABEL_SETS if count in {ANY, len(load_labels(name))}]
    names = "the names of its classes" if count == ANY else f"the names of its {count} classes"
    sets = "".join(f", or the word {name} for its {len(load_labels(name))}" for name in known)
    return Question("labels", f"{names} with commas, a file with one a line{sets}")


def may_have(decoder: str, graph: Graph, labels: Sequence[str]) -> bool:
    """Whether a model with this decoder and graph may have these labels."""
    if FORMATS[decoder].task != TEXT_RECOGNITION:
        return FORMATS[decoder].labels(graph) in {len(labels), ANY}
    characters = as_characters(labels)
    if decoder == "slots" and PAD not in characters:
        return False
    return _fitting(characters, _character_counts(decoder, graph)) is not None
