"""What a camera's recorder holds back, and when it lets it go."""

from __future__ import annotations

import pytest

from capture.recorder.arrival import Arrival
from capture.recorder.camera_recorder import CameraRecorder
from capture.recorder.pre_roll import DECISION_S, PreRoll
from storage.camera import Recording
from tests.unit.capture.recorder_support import AT_S, Film, film


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Film:
    return film(tmp_path_factory.mktemp("film") / "film.ts", 450)


def offsets(arrivals: list[Arrival]) -> tuple[float, float]:
    return arrivals[0].at_s - AT_S, arrivals[-1].at_s - AT_S


def test_old_groups_go_and_a_group_is_never_torn(short: Film) -> None:
    pre_roll = PreRoll(3.0)
    for arrival in short.arrivals(range(5, 450)):
        pre_roll.add(arrival)
    first_s, last_s = offsets(pre_roll.take(0.0, AT_S + 1000))
    assert first_s == pytest.approx(29 - 3 - DECISION_S, abs=1.1)
    assert first_s == round(first_s), "a key frame: there is one each second"
    assert last_s == pytest.approx(449 / 15)
    assert pre_roll.size_bytes == 0


def test_bytes_are_bounded(short: Film) -> None:
    pre_roll = PreRoll(60.0, max_bytes=20_000)
    for arrival in short.arrivals(range(450)):
        pre_roll.add(arrival)
        assert pre_roll.size_bytes <= 20_000


def test_taken_from_the_group_that_holds_the_moment(short: Film) -> None:
    pre_roll = PreRoll(60.0)
    for arrival in short.arrivals(range(150)):
        pre_roll.add(arrival)
    assert offsets(pre_roll.take(AT_S + 4.5, AT_S + 6.5)) == pytest.approx((4.0, 104 / 15))


class Heard:
    def __init__(self) -> None:
        self.numbers: list[int | None] = []
        self.classes: set[str] = set()

    def put(self, _camera_id: int, arrival: Arrival, retention_class: str) -> None:
        self.numbers.append(round((arrival.at_s - AT_S) * 15))
        self.classes.add(retention_class)

    def end(self, _camera_id: int) -> None:
        self.numbers.append(None)


def recorder(short: Film, recording: Recording) -> tuple[CameraRecorder, Heard]:
    heard = Heard()
    made = CameraRecorder(7, recording, heard, live=Heard())
    made._connection = short.connection
    return made, heard


def offer(made: CameraRecorder, short: Film, numbers: range) -> None:
    for arrival in short.arrivals(numbers):
        made.offer(arrival.connection, arrival.packet, arrival.at_s)


def test_an_event_takes_what_was_before_and_after_it(short: Film) -> None:
    made, heard = recorder(short, Recording("events", pre_s=2.0, post_s=3.0))
    offer(made, short, range(150))
    assert (heard.numbers, made.state) == ([], "armed")
    made.want("e", AT_S + 8.0, AT_S + 9.0)
    assert (heard.numbers, made.state) == (list(range(90, 150)), "recording")
    offer(made, short, range(150, 170))
    made.want("e", AT_S + 8.0, AT_S + 12.0)  # it goes on
    offer(made, short, range(170, 300))
    # Until the first key frame behind the post-roll: 12 + 3 s.
    assert heard.numbers == [*range(90, 225), None]
    assert (heard.classes, made.state) == ({"event"}, "armed")
    made.want("f", AT_S + 16.0, AT_S + 17.0)
    assert heard.numbers[-75:] == list(range(225, 300)), "nothing twice, nothing missing"


def test_an_event_that_is_heard_of_after_its_post_roll(short: Film) -> None:
    made, heard = recorder(short, Recording("events", pre_s=1.0, post_s=1.0))
    offer(made, short, range(150))
    made.want("e", AT_S + 5.0, AT_S + 5.5)
    assert heard.numbers == [*range(60, 105), None]
    assert made.state == "armed"


def test_an_event_lifts_the_class_of_what_is_recorded_anyway(short: Film) -> None:
    made, heard = recorder(short, Recording("continuous"))
    offer(made, short, range(30))
    assert heard.classes == {"continuous"}
    made.want("e", AT_S + 2.0, AT_S + 2.0)
    offer(made, short, range(30, 31))
    assert heard.classes == {"continuous", "event"}


def test_switched_off(short: Film) -> None:
    made, heard = recorder(short, Recording("continuous"))
    offer(made, short, range(3))
    made.configure(Recording("off"))
    offer(made, short, range(3, 6))
    assert (heard.numbers, made.state) == ([0, 1, 2, None], "off")


def test_a_former_stream_does_not_end_the_recording_of_the_new_one(short: Film) -> None:
    video = short.connection.video
    assert video is not None
    heard = Heard()
    made = CameraRecorder(7, Recording("continuous"), heard, live=Heard())
    first, second = made.connected(video, None), made.connected(video, None)
    made.disconnected(first)  # its thread was blocked in a read
    assert made.state == "armed"
    heard.numbers.clear()
    for arrival in short.arrivals(range(3)):
        made.offer(first, arrival.packet, arrival.at_s)
        made.offer(second, arrival.packet, arrival.at_s)
    assert (heard.numbers, made.state) == ([0, 1, 2], "recording")
    made.disconnected(second)
    assert (heard.numbers, made.state) == ([0, 1, 2, None], "waiting")
