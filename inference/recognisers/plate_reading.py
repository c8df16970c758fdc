"""What a reading of a plate is worth, and the best of several."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from core.types import Box, Detection
from inference.decoders.ctc import Line
from inference.images import FloatArray

LABEL = "plate"

_SAME_PLATE = 0.5


def best_reading(readings: Sequence[Line]) -> Line:
    """The text on which most confidence falls together, in its most confident reading; an empty line of none.

    The emblem or country letter before a number is easily read as a character, each time as another one. So a reading
    speaks for itself as much as its first character is sure, and for what follows that character with the rest. A seal
    or fruit between the groups is rarer than a character that is hard to read: there a reading speaks for the text
    without it only where another one left it out.
    """
    votes: defaultdict[str, float] = defaultdict(float)
    best: dict[str, Line] = {}

    def vote(line: Line, share: float) -> None:
        votes[line.text] += share * line.confidence
        best[line.text] = max(best.get(line.text, line), line, key=lambda known: known.confidence)

    texts = {reading.text for reading in readings}
    for reading in readings:
        own = 1.0
        for position, sure in enumerate(reading.confidences):
            shorter = reading.without(position)
            if position == 0 or shorter.text in texts:
                vote(shorter, own * (1 - sure))
                own *= sure
        vote(reading, own)
    return best[max(votes, key=votes.__getitem__)] if votes else Line("", ())


def plate_likeness(text: str) -> float:
    """How much a text alone, with nothing known of where it was found, looks like a plate: 0 to 1."""
    if not 4 <= len(text) <= 10:
        return 0.0
    digits = sum(c.isdigit() for c in text)
    if digits == len(text):
        return 0.7
    return 1.0 if digits else 0.5


def plate_detection(corners: FloatArray, box: Box, text: str, score: float) -> Detection:
    """A read plate as a detection."""
    points = tuple((float(x), float(y)) for x, y in corners)
    return Detection(LABEL, score, box, text=text, corners=points)


def bounding_box(corners: FloatArray) -> Box:
    """The upright box around points (N, 2)."""
    (x1, y1), (x2, y2) = corners.min(axis=0), corners.max(axis=0)
    return float(x1), float(y1), float(x2), float(y2)


def union(a: Box, b: Box) -> Box:
    """The upright box around two."""
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def best_first(detections: Sequence[Detection]) -> tuple[Detection, ...]:
    """Order by score; of a plate found twice, keep the longer reading where it holds the other, else the surer."""
    kept: list[Detection] = []
    for detection in sorted(detections, key=lambda d: (-len(d.text or ""), -d.score)):
        same = [other for other in kept if _shared(detection.box, other.box) >= _SAME_PLATE]
        if any((detection.text or "") in (other.text or "") or other.score >= detection.score for other in same):
            continue
        kept = [other for other in kept if other not in same]
        kept.append(detection)
    return tuple(sorted(kept, key=lambda d: -d.score))


def _shared(a: Box, b: Box) -> float:
    """Intersection over the smaller area."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return width * height / smaller
