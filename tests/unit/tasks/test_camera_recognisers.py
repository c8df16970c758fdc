"""Which recogniser a camera's frames go to, as models and choices come and go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from core.errors import CamrecError, UnavailableError
from core.types import Detection
from inference.gpu import DeviceError
from storage.model_choices import Choice
from tasks.camera_recognisers import MOST_CHOICES, CameraRecognisers
from tasks.recogniser_in_use import RecogniserInUse

A: Choice = (("person", "a"),)
B: Choice = (("person", "b"),)


class Named:
    """A recogniser that is nothing but its name."""

    def __init__(self, model: str) -> None:
        self.model = model

    def describe(self) -> str:
        return self.model

    def recognise(self, frames: Sequence[Any]) -> list[tuple[Detection, ...]]:
        return [() for _ in frames]

    def warm_up(self) -> None:
        pass


class World:
    """Models that are there, and cameras that chose some."""

    def __init__(self) -> None:
        self.there = {"usual", "a", "b"}
        self.choices: dict[int, Choice] = {}
        self.on_no_gpu: set[str] = set()
        self.is_database_down = False
        self.built: list[str] = []

    def make(self, choice: Choice) -> RecogniserInUse:
        name = choice[0][1] if choice else "usual"

        def build() -> Named:
            if name not in self.there:
                raise CamrecError(f"{name} is missing")
            if name in self.on_no_gpu:
                raise DeviceError(f"{name} cannot be loaded on GPU 0")
            self.built.append(name)
            return Named(name)

        return RecogniserInUse("falls", build, lambda: name in self.there)

    def chosen(self) -> dict[int, Choice]:
        if self.is_database_down:
            raise UnavailableError("no database")
        return dict(self.choices)


@pytest.fixture
def world() -> World:
    return World()


def used(recognisers: CameraRecognisers, *camera_ids: int) -> list[str | None]:
    found = [recognisers.of(camera_id).current for camera_id in camera_ids]
    return [None if recogniser is None else recogniser.model for recogniser in found]


def test_cameras_of_one_choice_share_a_recogniser(world: World) -> None:
    world.choices = {1: A, 2: A, 3: B}
    recognisers = CameraRecognisers("falls", world.make, world.chosen)
    assert used(recognisers, 1, 2, 3, 4) == ["a", "a", "b", "usual"]
    assert sorted(world.built) == ["a", "b", "usual"]
    assert recognisers.of(1) is recognisers.of(2)


def test_a_choice_is_followed_and_its_models_are_let_go(world: World) -> None:
    recognisers = CameraRecognisers("falls", world.make, world.chosen)
    assert used(recognisers, 1) == ["usual"]
    world.choices = {1: A}
    recognisers.refresh()
    assert used(recognisers, 1) == ["a"]
    world.choices = {}
    recognisers.refresh()
    assert used(recognisers, 1) == ["usual"]
    world.choices = {1: A}
    recognisers.refresh()
    assert world.built.count("a") == 2, "it was not kept in memory"


def test_a_model_that_fails_leaves_the_camera_with_what_it_had(world: World) -> None:
    world.choices = {1: A}
    recognisers = CameraRecognisers("falls", world.make, world.chosen)
    world.there.discard("b")
    world.choices = {1: B}
    recognisers.refresh()
    assert used(recognisers, 1, 2) == ["a", "usual"]
    assert recognisers.waiting == {1: "b is missing"}
    world.there.add("b")
    recognisers.refresh()
    assert (used(recognisers, 1), recognisers.waiting) == (["b"], {})


def test_a_camera_whose_model_was_never_there_is_served_as_all_others(world: World) -> None:
    world.there.discard("a")
    world.choices = {1: A}
    recognisers = CameraRecognisers("falls", world.make, world.chosen)
    assert used(recognisers, 1, 2) == ["usual", "usual"]
    assert recognisers.waiting == {1: "a is missing"}


def test_a_gpu_that_cannot_load_a_cameras_own_model_costs_nobody_else_anything(world: World) -> None:
    world.on_no_gpu.add("a")
    world.choices = {1: A}
    recognisers = CameraRecognisers("falls", world.make, world.chosen)
    assert used(recognisers, 1, 2) == ["usual", "usual"]
    assert recognisers.waiting == {1: "a cannot be loaded on GPU 0"}


def test_a_gpu_that_cannot_load_the_usual_models_stops_the_worker(world: World) -> None:
    world.on_no_gpu.add("usual")
    with pytest.raises(DeviceError, match="usual cannot be loaded"):
        CameraRecognisers("falls", world.make, world.chosen)


def test_without_database_the_last_known_choices_stay(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.choices = {1: A}
    recognisers = CameraRecognisers("falls", world.make, world.chosen)
    world.is_database_down, world.choices = True, {}
    for _ in range(3):
        recognisers.refresh()
    assert used(recognisers, 1) == ["a"]
    assert caplog.text.count("cannot be read") == 1


def test_choices_are_bounded(world: World) -> None:
    for number in range(MOST_CHOICES + 2):
        world.there.add(f"m{number}")
        world.choices[number] = (("person", f"m{number}"),)
    recognisers = CameraRecognisers("falls", world.make, world.chosen)
    assert used(recognisers, *range(MOST_CHOICES)) == [f"m{n}" for n in range(MOST_CHOICES)]
    assert recognisers.waiting.keys() == {MOST_CHOICES, MOST_CHOICES + 1}
    assert "More than 8 combinations" in recognisers.waiting[MOST_CHOICES]
    assert used(recognisers, MOST_CHOICES) == ["usual"]
    world.choices[99] = A  # the first by name
    recognisers.refresh()
    assert 99 in recognisers.waiting
    assert recognisers.waiting.keys().isdisjoint(range(MOST_CHOICES))
