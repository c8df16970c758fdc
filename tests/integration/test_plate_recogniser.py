"""The real models on real cars."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from core.types import Box, Picture
from inference.catalogue import ModelStore
from inference.recognisers import UnknownRecognitionError, build_recogniser
from inference.recognisers.plates import PlateRecogniser, build_plate_recogniser

pytestmark = [pytest.mark.integration, pytest.mark.data]

SAMPLE = 12


class Car:
    """A picture with what is known of it."""

    def __init__(self, note: Path) -> None:
        name, *box, text = note.read_text().splitlines()[0].split("\t")[:6]
        x, y, width, height = map(float, box)
        picture = cv2.imread(str(note.with_name(name)))
        assert picture is not None
        self.picture = np.asarray(picture, np.uint8)
        self.box: Box = (x, y, x + width, y + height)
        self.text = text.replace("O", "0")


@pytest.fixture(scope="module")
def cars(shared_data: Path) -> list[Car]:
    notes = sorted((shared_data / "plates" / "eu").glob("test_*.txt"))
    return [Car(note) for note in notes[:: len(notes) // SAMPLE][:SAMPLE]]


@pytest.fixture(scope="module")
def by_corners(shared_data: Path) -> PlateRecogniser:
    return build_plate_recogniser(ModelStore(shared_data / "models"), gpu=None, threads=1)


@pytest.fixture(scope="module")
def by_lines(tmp_path_factory: pytest.TempPathFactory) -> PlateRecogniser:
    return build_plate_recogniser(ModelStore(tmp_path_factory.mktemp("models")), gpu=None, threads=1)


@pytest.fixture(params=["by_corners", "by_lines"])
def recogniser(request: pytest.FixtureRequest) -> PlateRecogniser:
    found: PlateRecogniser = request.getfixturevalue(request.param)
    return found


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return shared / (areas - shared)


def test_plates_are_found_and_read(recogniser: PlateRecogniser, cars: list[Car]) -> None:
    best = [found[0] for found in recogniser.recognise([car.picture for car in cars]) if found]
    assert len(best) == len(cars)
    right = [d.text is not None and d.text.replace("O", "0") == car.text for d, car in zip(best, cars, strict=True)]
    assert sum(right) >= SAMPLE - 1
    assert all(overlap(d.box, car.box) > 0.4 for d, car in zip(best, cars, strict=True))
    assert all(d.label == "plate" and 0 < d.score <= 1 and d.corners and len(d.corners) == 4 for d in best)


def test_a_batch_of_mixed_sizes_gives_what_each_picture_gives_alone(
    recogniser: PlateRecogniser, cars: list[Car]
) -> None:
    pictures = [cars[0].picture, cv2.resize(cars[1].picture, None, fx=1.5, fy=1.5).astype(np.uint8), cars[2].picture]
    together = recogniser.recognise(pictures)
    alone = [recogniser.recognise([picture])[0] for picture in pictures]
    assert [[d.text for d in found] for found in together] == [[d.text for d in found] for found in alone]


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(np.full((480, 640, 3), 127, np.uint8), id="grey"),
        pytest.param(np.zeros((1, 1, 3), np.uint8), id="one pixel"),
        pytest.param(np.random.default_rng(0).integers(0, 256, (120, 900, 3), np.uint8), id="noise"),
    ],
)
def test_where_there_is_no_plate_none_is_found(recogniser: PlateRecogniser, picture: Picture) -> None:
    assert recogniser.recognise([picture]) == [()]


def test_no_pictures_give_nothing_and_no_picture_is_refused(recogniser: PlateRecogniser) -> None:
    assert recogniser.recognise([]) == []
    with pytest.raises(ValueError, match="expected"):
        recogniser.recognise([np.zeros((4, 4), np.uint8)])


def test_both_rows_of_a_plate_are_read(recogniser: PlateRecogniser, cars: list[Car]) -> None:
    right = 0
    for car in cars:
        x1, y1, x2, y2 = car.box
        width, middle = round(x2 - x1), round((y1 + y2) / 2)
        plate = cv2.resize(two_rows("KJ", "093BN"), (width, round(width * 0.7)), interpolation=cv2.INTER_AREA)
        top = middle - plate.shape[0] // 2
        picture = car.picture.copy()
        picture[top : top + plate.shape[0], round(x1) : round(x1) + width] = plate
        right += [d.text for d in recogniser.recognise([picture])[0]][:1] == ["KJ093BN"]
    assert right >= SAMPLE - 3


def two_rows(upper: str, lower: str) -> Picture:
    plate = np.full((210, 300, 3), (30, 200, 240), np.uint8)
    cv2.rectangle(plate, (3, 3), (296, 206), (0, 0, 0), 4)
    for text, bottom, size in ((upper, 85, 2.2), (lower, 185, 2.5)):
        (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, size, 6)
        place = ((300 - width) // 2, bottom)
        cv2.putText(plate, text, place, cv2.FONT_HERSHEY_DUPLEX, size, (0, 0, 0), 6, cv2.LINE_AA)
    return plate


def test_a_plate_seen_from_the_side_is_read(by_corners: PlateRecogniser, shared_data: Path) -> None:
    picture = cv2.imread(str(shared_data / "images" / "plate-cn.jpg"))
    (found,) = by_corners.recognise([np.asarray(picture, np.uint8)])
    assert found[0].text == "苏ED51712"


def test_it_says_which_models_it_uses_and_how_good_they_are(
    by_corners: PlateRecogniser, by_lines: PlateRecogniser
) -> None:
    assert "hyperlpr_y5fu_320x" in by_corners.model
    assert "hyperlpr_y5fu_320x" not in by_lines.model
    assert "camrec models pull" in by_lines.describe()


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownRecognitionError, match=r"No recogniser of kind 'cats'. Kinds: plates"):
        build_recogniser("cats", ModelStore(tmp_path), gpu=None, threads=1)


def test_warm_up_runs_every_model(recogniser: PlateRecogniser) -> None:
    recogniser.warm_up()
