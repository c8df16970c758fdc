"""Text recognisers: whatever their layout, one form for what reads them: CTC steps, the blank first.

`ctc`: PP-OCR, CRNN and their like: steps and symbols in either order, the blank before the alphabet.

`ctc_blank_last`: the same with the blank behind it, as LPRNet (Zherzdev and Gruzdev, 2018) is mostly exported.

`slots`: one place for each character, as fast-plate-ocr exports it (https://github.com/ankandrew/fast-plate-ocr): an
empty place shows the pad, which is a character of the alphabet. Places may be flattened into one dimension.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from inference.images import FloatArray

PAD = "_"
"""What fast-plate-ocr puts into a place without a character."""

_ROUNDING = 1e-2


@dataclass(frozen=True, slots=True)
class TextDecoder:
    """How one layout is brought to (N, steps, 1 + characters)."""

    characters: Callable[[Sequence[str]], tuple[str, ...]]
    """The model's labels to the characters of symbols 1, 2, … of the steps. Raises ValueError where they do not do."""
    decode: Callable[[FloatArray, Sequence[str]], FloatArray]
    """Output (N, …) and the model's labels to probabilities (N, steps, 1 + characters), symbol 0 the blank.

    Raises ValueError where the output is not of this layout.
    """


def decode_ctc(output: FloatArray, labels: Sequence[str]) -> FloatArray:
    """(N, steps, 1 + labels) or (N, 1 + labels, steps), blank first, logits or probabilities."""
    return _chances(_steps_first(output, len(labels) + 1))


def decode_blank_last(output: FloatArray, labels: Sequence[str]) -> FloatArray:
    """As `decode_ctc`, blank last."""
    return np.roll(decode_ctc(output, labels), 1, axis=2)


def decode_slots(output: FloatArray, labels: Sequence[str]) -> FloatArray:
    """(N, slots, labels) or (N, slots * labels).

    A step of nothing but blank goes between any two places, so that a character may stand twice in a row.
    """
    count = len(labels)
    if output.ndim == 2 and output.shape[1] % count == 0:
        output = output.reshape(len(output), -1, count)
    if output.ndim != 3 or output.shape[2] != count:
        raise ValueError(
            f"expected an output (N, slots, {count}) or (N, slots * {count}) for an alphabet of {count} characters "
            f"with its pad, got {output.shape}"
        )
    chances = _chances(output)
    pad = list(labels).index(PAD)
    steps = np.zeros((len(output), 2 * output.shape[1], count), np.float32)
    steps[:, ::2, 0] = chances[:, :, pad]
    steps[:, ::2, 1:] = np.delete(chances, pad, axis=2)
    steps[:, 1::2, 0] = 1
    return steps


def without_pad(labels: Sequence[str]) -> tuple[str, ...]:
    """The characters of an alphabet with a pad.

    Raises:
        ValueError: it has none, or several.
    """
    if list(labels).count(PAD) != 1:
        raise ValueError(f"expected an alphabet with one pad {PAD!r}, got {''.join(labels)}")
    return tuple(label for label in labels if label != PAD)


TEXTS: dict[str, TextDecoder] = {
    "ctc": TextDecoder(tuple, decode_ctc),
    "ctc_blank_last": TextDecoder(tuple, decode_blank_last),
    "slots": TextDecoder(without_pad, decode_slots),
}


def _steps_first(output: FloatArray, symbols: int) -> FloatArray:
    if output.ndim == 3 and output.shape[2] == symbols:
        return output
    if output.ndim == 3 and output.shape[1] == symbols:
        return output.transpose(0, 2, 1)
    raise ValueError(
        f"expected an output (N, steps, {symbols}) or (N, {symbols}, steps) for an alphabet of {symbols - 1} "
        f"characters and the blank, got {output.shape}"
    )


def _chances(steps: FloatArray) -> FloatArray:
    """Probabilities as they are, logits through a softmax; the first step tells which, as alphabets are long."""
    first = steps[0, 0]
    if first.min() >= 0 and abs(float(first.sum()) - 1) < _ROUNDING:
        return steps
    raised = np.exp(steps - steps.max(axis=2, keepdims=True))
    chances: FloatArray = raised / raised.sum(axis=2, keepdims=True)
    return chances
