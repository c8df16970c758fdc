"""The plates of the generated street are read by the models that pip brings."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import get_args

import av
import numpy as np
import pytest

from app.demo.street import HEIGHT, WIDTH, View, write_street
from inference.catalogue import ModelStore
from inference.recognisers.plates import build_plate_recogniser

pytestmark = pytest.mark.integration

DURATION_S = 16
SAMPLE_EVERY = 5
"""Of 15 frames per second."""


@pytest.mark.parametrize("view", get_args(View))
def test_plates_are_read_without_a_download(tmp_path: Path, view: View) -> None:
    path = tmp_path / "street.mp4"
    truth = write_street(path, seed=5, view=view, duration_s=DURATION_S)
    recogniser = build_plate_recogniser(ModelStore(tmp_path / "no models"), gpu=None, threads=1)
    read: Counter[str | None] = Counter()
    with av.open(path) as container:
        video = container.streams.video[0]
        assert (video.width, video.height) == (WIDTH, HEIGHT)
        for number, frame in enumerate(container.decode(video)):
            if number % SAMPLE_EVERY == 0:
                pixels = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
                read.update(plate.text for plate in recogniser.recognise([pixels])[0])
    assert len(truth) >= 2
    assert {text for text, times in read.items() if times >= 3} == set(truth)
