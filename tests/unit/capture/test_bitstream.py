"""Packets by what stands at their beginning."""

from __future__ import annotations

from pathlib import Path

import pytest

from capture.recorder.bitstream import FIRST_HEADER_BYTES, HEAD_BYTES, is_of_other_codec
from tests.unit.capture.recorder_support import Film, film

ENCODERS = {"h264": "libx264", "hevc": "libx265"}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Film]:
    folder: Path = tmp_path_factory.mktemp("films")
    return {codec: film(folder / f"{codec}.ts", 20, encoder) for codec, encoder in ENCODERS.items()}


@pytest.mark.parametrize("codec", ENCODERS)
@pytest.mark.parametrize("taken_for", ENCODERS)
def test_packets_of_the_other_codec_are_known(films: dict[str, Film], codec: str, taken_for: str) -> None:
    for data, is_key in films[codec].packets:
        head = data[: HEAD_BYTES if is_key else FIRST_HEADER_BYTES]
        assert is_of_other_codec(head, taken_for) == (codec != taken_for)


def test_a_picture_that_is_glued_to_the_other_codec_is_known(films: dict[str, Film]) -> None:
    last, first = films["h264"].packets[1][0], films["hevc"].packets[0][0]
    assert is_of_other_codec((last + first)[:HEAD_BYTES], "h264")
