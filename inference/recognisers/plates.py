"""Registration plates: where they are and what they say."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from core.types import Detection, Picture
from inference.catalogue import ModelStore
from inference.decoders.text import TEXTS
from inference.gpu import Gpu
from inference.images import check_pictures
from inference.opening import open_model
from inference.recognisers.plate_finder import PlateFinder
from inference.recognisers.plates_by_corners import PlatesByCorners
from inference.recognisers.plates_by_lines import PlatesByLines
from inference.session import ModelSession, open_session
from inference.text.finder import TextFinder
from inference.text.model import TextModel
from inference.text.reader import TextReader

KIND = "plates"
TEXT_DETECTOR = "ppocr_v6_det_small"

_WARM_UP_SIZES = {TEXT_DETECTOR: (480, 640)}
"""Of the free dimensions: usual ones."""

_log = logging.getLogger(__name__)


class _Way(Protocol):
    def recognise(self, pictures: Sequence[Picture]) -> list[tuple[Detection, ...]]: ...


class PlateRecogniser:
    """Pictures in, plates out. Keeps no state between calls, and is safe for threads."""

    def __init__(
        self,
        way: _Way,
        sessions: dict[str, ModelSession],
        text: TextModel,
        description: str,
        last_way: _Way | None = None,
    ) -> None:
        """Sessions: all but that of the text model. Last way: for a still in which the usual one finds nothing."""
        self._way = way
        self._last_way = last_way
        self._sessions = sessions
        self._text = text
        self._description = description

    @property
    def model(self) -> str:
        """Names of the models in use."""
        return "+".join([*self._sessions, self._text.model])

    def describe(self) -> str:
        """Which models are in use and how good they are, for people."""
        return self._description

    def recognise(self, frames: Sequence[Picture]) -> list[tuple[Detection, ...]]:
        """Find and read the plates of a batch of pictures, whose sizes may differ.

        Args:
            frames: (height, width, 3) uint8 BGR each.

        Returns:
            For each picture its plates, best first: label ``plate``, the number as text (A-Z and 0-9; in China the
            province's character before it), box and corners in pixels of the picture; score: 0 to 1, how sure both
            the place and the reading are.

        Raises:
            ValueError: a frame is no such array.
        """
        check_pictures(frames)
        return self._way.recognise(frames) if frames else []

    def recognise_still(self, picture: Picture) -> tuple[Detection, ...]:
        """The plates of a picture that comes only once, as `recognise`.

        A stream shows a plate again and nearer; a still picture does not. So where no plate is found, every line of
        text is read, which takes several times as long.
        """
        (found,) = self.recognise([picture])
        if found or self._last_way is None:
            return found
        return self._last_way.recognise([picture])[0]

    def warm_up(self) -> None:
        """Run every model once, so that the first real frame does not pay for it."""
        for name, session in self._sessions.items():
            session.warm_up(*_WARM_UP_SIZES.get(name, ()))
        self._text.warm_up()


def plate_models(store: ModelStore) -> tuple[str, ...]:
    """Names of the models that are used, given those that there are."""
    always = (TEXT_DETECTOR, store.chosen(KIND, "text").name)
    detector = store.chosen(KIND, "detector").name
    return (detector, *always) if store.has(detector) else always


def build_plate_recogniser(store: ModelStore, gpu: Gpu | None, threads: int) -> PlateRecogniser:
    """The best recogniser that the models of the store allow.

    Raises:
        CamrecError: a model is missing or broken, or the GPU cannot be used.
    """

    def load(name: str) -> ModelSession:
        entry = store.entry(name)
        return open_session(
            store.path_of(name),
            gpu=gpu,
            threads=threads,
            input_shape=entry.input.shape,
            output_shape=entry.output,
            values=entry.input.values,
        )

    text_entry = store.chosen(KIND, "text")
    text = TextModel(open_model(store, text_entry, TEXTS, gpu=gpu, threads=threads), text_entry)
    sessions = {name: load(name) for name in plate_models(store) if name != text_entry.name}
    lines, reader = TextFinder(sessions[TEXT_DETECTOR]), TextReader(text)
    detector = store.chosen(KIND, "detector").name
    if detector in sessions:
        recogniser = PlateRecogniser(
            PlatesByCorners(PlateFinder(sessions[detector]), reader, lines),
            sessions,
            text,
            "plate detector with corners and text recogniser: 97 % of 108 European pictures read exactly",
            last_way=PlatesByLines(lines, reader),
        )
    else:
        recogniser = PlateRecogniser(
            PlatesByLines(lines, reader),
            sessions,
            text,
            "text detector and recogniser, no plate detector: 96 % of 108 European pictures read exactly, but several "
            "times slower, and other writing may pass for a plate; `camrec models pull` brings a plate detector",
        )
    _log.info("plates: %s (%s)", recogniser.model, recogniser.describe())
    return recogniser
