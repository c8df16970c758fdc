"""What a plate may say: A-Z and 0-9, and in China the character of the province."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np

from core.plates import PROVINCES
from inference.images import FloatArray

LATIN = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

# Greek and Cyrillic plates use only letters that look Latin, so that they can be read abroad.
_GREEK = "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
_CYRILLIC = "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425"
_LOOK_ALIKES = str.maketrans(_GREEK + _CYRILLIC, "ABEZHIKMNOPTYX" + "ABEKMHOPCTYX")

_LEAST_CHANCE = 0.15


def plain_symbol(character: str) -> str | None:
    """The symbol of a plate that a character stands for: ``ü`` is ``U``; None for all others.

    >>> plain_symbol("ü"), plain_symbol("京"), plain_symbol("-")
    ('U', '京', None)
    """
    if character and character in PROVINCES:
        return character
    letters = [c for c in unicodedata.normalize("NFKD", character).upper() if not unicodedata.combining(c)]
    plain = "".join(letters).translate(_LOOK_ALIKES)
    return plain if len(plain) == 1 and plain in LATIN else None


class PlateAlphabet:
    """Adds up the probabilities of a text recogniser's symbols to those of the symbols of plates."""

    symbols = LATIN + PROVINCES

    def __init__(self, characters: Sequence[str]) -> None:
        """Characters: of the recogniser's symbols 1, 2, …, symbol 0 being the blank."""
        columns: dict[str, list[int]] = {symbol: [] for symbol in self.symbols}
        blank = [0]
        for column, character in enumerate(characters, start=1):
            symbol = plain_symbol(character)
            if symbol is not None:
                columns[symbol].append(column)
            elif not character.isalnum():
                # Screws, seals and dashes are no part of the number: they count as the gap that they are.
                blank.append(column)
        missing = [symbol for symbol in LATIN if not columns[symbol]]
        if missing:
            raise ValueError(f"expected an alphabet with A-Z and 0-9, {''.join(missing)} missing")
        self._size = len(characters) + 1
        # A province that the recogniser does not know is given the blank's column 0, which it can never beat.
        groups = [blank, *(columns[symbol] or [0] for symbol in self.symbols)]
        self._columns = np.concatenate(groups)
        self._starts = np.cumsum([0, *(len(group) for group in groups[:-1])])

    def fold(self, probabilities: FloatArray) -> FloatArray:
        """(N, steps, characters + 1) to (N, steps, symbols + 1), symbol 0 the blank.

        Raises:
            ValueError: the last dimension is not that of the alphabet.
        """
        if probabilities.shape[-1] != self._size:
            raise ValueError(f"expected {self._size} symbols, got probabilities {probabilities.shape}")
        folded: FloatArray = np.add.reduceat(probabilities[..., self._columns], self._starts, axis=-1)
        # Where some other script is seen, the little that is left for Latin symbols must not pass for a letter.
        np.maximum(folded[..., 0], _LEAST_CHANCE, out=folded[..., 0])
        return folded
