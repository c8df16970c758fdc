"""Which text is on a plate, from many uncertain readings of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from rapidfuzz.distance import Levenshtein

MAX_TEXTS = 32
"""Different texts kept for one plate; a car that stands for a day must not fill the memory."""

MAX_ALTERNATIVES = 3

CLEAR_MAJORITY = 1.5
"""By how much the characters must outvote a text that was really read."""

PARTIAL_SIMILARITY = 0.7
"""What a text counts that is a part of the other: a plate that enters the picture or is half covered."""

_CONFUSABLE = str.maketrans("ODQILZSBG", "000112586")


def fold_confusable(text: str) -> str:
    """One character for all that readers confuse (0 O D Q, 1 I L, 2 Z, 5 S, 8 B, 6 G), of a normalised text."""
    return text.translate(_CONFUSABLE)


def similarity(a: str, b: str) -> float:
    """0 to 1: share of characters that agree by edit distance (Levenshtein), for normalised texts.

    Characters that readers confuse count as equal. Jaro-Winkler is not used: it forgives what plates of one district
    have in common, and calls RK457AS and RK763AS alike.
    """
    a, b = fold_confusable(a), fold_confusable(b)
    alike = Levenshtein.normalized_similarity(a, b)
    if a and b and (a in b or b in a):
        return max(alike, PARTIAL_SIMILARITY)
    return alike


@dataclass(slots=True)
class Ballot:
    """All readings of one text."""

    count: int = 0
    weight: float = 0.0
    weighted_score: float = 0.0
    """Sum of weight x score."""

    @property
    def score(self) -> float:
        """Weighted mean, 0 to 1. The highest would let a text pass that is read badly many times and well once."""
        return self.weighted_score / self.weight if self.weight > 0 else 0.0


@dataclass(slots=True)
class Votes:
    """The readings of one plate, added up by text, at most `MAX_TEXTS` of them."""

    ballots: dict[str, Ballot] = field(default_factory=dict)

    def add(self, text: str, score: float, *, weight: float) -> None:
        """Count one reading: its normalised text, the reader's score (0 to 1) and the weight of its vote."""
        ballot = self.ballots.setdefault(text, Ballot())
        ballot.count += 1
        ballot.weight += weight
        ballot.weighted_score += weight * score
        if len(self.ballots) > MAX_TEXTS:
            # Never the newest, which may be the first good reading of a car that has come near.
            del self.ballots[min((b.weight, t) for t, b in self.ballots.items() if t != text)[1]]

    def result(self) -> tuple[str, float]:
        """The text that wins and its score (0 to 1); ``("", 0.0)`` before the first reading.

        The weightiest text of the weightiest length wins, unless the votes on single characters clearly beat it: then
        each reading was wrong somewhere else.
        """
        if not self.ballots:
            return "", 0.0
        by_length: dict[int, float] = defaultdict(float)
        for text, ballot in sorted(self.ballots.items()):
            by_length[len(text)] += ballot.weight
        length = max(by_length, key=lambda n: (by_length[n], n))
        rivals = {t: b for t, b in sorted(self.ballots.items()) if len(t) == length}
        read = max(rivals, key=lambda t: (rivals[t].weight, t))
        composed = _compose(rivals, read)
        if composed in rivals:
            return composed, rivals[composed].score
        together = Ballot(
            weight=sum(b.weight for b in rivals.values()), weighted_score=sum(b.weighted_score for b in rivals.values())
        )
        return composed, together.score

    def agreeing(self, text: str, at_least: float) -> int:
        """How many readings have this similarity to the text."""
        return sum(b.count for t, b in self.ballots.items() if similarity(t, text) >= at_least)

    def alternatives(self, text: str) -> list[tuple[str, float]]:
        """Other texts that were read, with their score, weightiest first."""
        others = sorted((-b.weight, t) for t, b in self.ballots.items() if t != text)
        return [(t, self.ballots[t].score) for _, t in others[:MAX_ALTERNATIVES]]


def _compose(rivals: dict[str, Ballot], read: str) -> str:
    """`read`, with each character replaced that another one outvotes clearly; all rivals have its length."""
    characters = []
    for position, character in enumerate(read):
        support: dict[str, float] = defaultdict(float)
        for text, ballot in rivals.items():
            support[text[position]] += ballot.weight
        winner = max(support, key=lambda c: (support[c], c))
        characters.append(winner if support[winner] >= CLEAR_MAJORITY * support[character] else character)
    return "".join(characters)
