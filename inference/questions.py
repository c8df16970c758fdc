"""What is asked about a user's file, and what was answered."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import CamrecError
from inference.manifest import Colour, Resize


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


def _as_text(question: Question) -> str:
    choices = f" Choices: {', '.join(question.choices)}." if question.choices else ""
    return f"--{question.option} is needed: {question.text}.{choices}"
