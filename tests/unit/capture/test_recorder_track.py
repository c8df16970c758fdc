"""From packets to files: cuts, and everything that cameras do to timestamps."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import pytest

from capture.recorder.arrival import Arrival
from capture.recorder.track import Track
from storage.segment_files import open_segment_paths
from storage.segments import Segment
from tests.support.numbered import read_counter
from tests.unit.capture.recorder_support import AT_S, Collected, Film, film

WRAP = 1 << 33


@pytest.fixture(scope="module")
def h264(tmp_path_factory: pytest.TempPathFactory) -> Film:
    return film(tmp_path_factory.mktemp("film") / "h264.ts")


def record(media: Path, arrivals: list[Arrival]) -> tuple[list[Segment], list[int], Collected]:
    """Segments, the number in each of their pictures, and what was lost."""
    said = Collected()
    track = Track(7, media, "node", said.finished.append, said.lost.append)
    for arrival in arrivals:
        track.take(arrival)
    track.end()
    numbers = []
    for finished in said.finished:
        with av.open(str(media / finished.open_path), "r") as container:
            frames = list(container.decode(container.streams.video[0]))
            stamps = [frame.pts or 0 for frame in frames]
        assert stamps == sorted(set(stamps))
        numbers += [read_counter(frame.to_ndarray(format="bgr24")) for frame in frames]
    assert sorted(f.open_path for f in said.finished) == open_segment_paths(media, 7)
    return [f.segment for f in said.finished], numbers, said


def test_cut_at_key_frames_after_four_seconds(tmp_path: Path, h264: Film) -> None:
    segments, numbers, said = record(tmp_path, h264.arrivals(range(150)))
    assert numbers == list(range(150))
    assert [round(s.duration_s, 3) for s in segments] == [4.0, 4.0, 2.0]
    assert [s.key_times for s in segments] == [(0, 1, 2, 3), (0, 1, 2, 3), (0, 1)]
    assert [s.started_at - AT_S for s in segments] == pytest.approx([0.0, 4.0, 8.0], abs=1e-3)
    assert len({s.run for s in segments}) == 1
    assert said.lost == []
    assert segments[0].path.startswith("recordings/7/20261124/")


def test_nothing_before_the_first_key_frame(tmp_path: Path, h264: Film) -> None:
    _, numbers, said = record(tmp_path, h264.arrivals(range(10, 45)))
    assert numbers == list(range(15, 45))
    assert said.lost == ["record_no_key_frame"] * 5


@pytest.mark.parametrize(
    ("stamp", "runs"),
    [
        pytest.param(lambda n: None if n == 0 else n * 6000, 1, id="first packet without a timestamp"),
        pytest.param(lambda n: (WRAP - 300_000 + n * 6000) % WRAP, 1, id="wrap-around"),
        pytest.param(lambda n: n * 6000 if n < 40 else n * 6000 + 90_000 * 5000, 2, id="jump ahead"),
        pytest.param(lambda n: 10**9 + n * 6000 if n < 40 else n * 6000, 2, id="jump back"),
        pytest.param(lambda n: (n - n % 2) * 6000, 1, id="twice the same"),
        pytest.param(lambda n: n * 6000 - 15_000 * (n % 7 == 3), 1, id="a little out of order"),
        pytest.param(lambda _: None, 1, id="no timestamps at all"),
    ],
)
def test_timestamps_are_repaired(tmp_path: Path, h264: Film, stamp: object, runs: int) -> None:
    arrivals = [h264.arrival(n, stamp(n), AT_S + n / 15) for n in range(90)]  # type: ignore[operator]
    segments, numbers, said = record(tmp_path, arrivals)
    assert numbers == list(range(90))
    assert said.lost == []
    assert len({s.run for s in segments}) == runs
    assert sum(s.duration_s for s in segments) == pytest.approx(6.0, abs=0.2)
    assert all(b.started_at == pytest.approx(a.ended_at, abs=0.2) for a, b in pairwise(segments))


def test_two_key_frames_with_one_timestamp(tmp_path: Path, h264: Film) -> None:
    stamps = [(n, n * 6000) for n in range(16)] + [(n, (n - 15) * 6000) for n in range(30, 90)]
    arrivals = [h264.arrival(n, dts, AT_S + dts / 90_000) for n, dts in stamps]
    assert arrivals[15].starts_group
    assert arrivals[16].starts_group
    assert arrivals[15].packet.dts == arrivals[16].packet.dts
    segments, numbers, said = record(tmp_path, arrivals)
    assert numbers == [n for n, _ in stamps]
    assert (said.lost, len({s.run for s in segments})) == ([], 1)
    assert sum(s.duration_s for s in segments) == pytest.approx(5.0, abs=0.1)


@pytest.mark.parametrize(
    ("keys", "durations", "lost"),
    [
        pytest.param({0, 150}, [10.0, 5.0], 0, id="ten seconds from key frame to key frame"),
        pytest.param({0}, [15.0], 0, id="only one"),
        pytest.param({1000}, [], 225, id="none"),
    ],
)
def test_long_groups_of_pictures(tmp_path: Path, keys: set[int], durations: list[float], lost: int, h264: Film) -> None:
    arrivals = [h264.arrival(n % 150, n * 6000, AT_S + n / 15) for n in range(225)]
    for number, arrival in enumerate(arrivals):
        arrival.packet.is_keyframe = number in keys
    segments, _, said = record(tmp_path, arrivals)
    assert [round(s.duration_s, 1) for s in segments] == durations
    assert said.lost == ["record_no_key_frame"] * lost


def test_slices_that_come_one_by_one_are_one_picture(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    sliced = film(tmp_path_factory.mktemp("film") / "sliced.ts", 75, options={"slices": "4"})
    arrivals = []
    for number, (data, _) in enumerate(sliced.packets):
        parts = _split_slices(data)
        arrivals += [sliced.arrival(number, number * 6000, AT_S + number / 15, part) for part in parts]
    assert len(arrivals) >= 4 * 75
    segments, numbers, _ = record(tmp_path, arrivals)
    assert numbers == list(range(75))
    assert [round(s.duration_s, 3) for s in segments] == [4.0, 1.0]


def _split_slices(data: bytes) -> list[bytes]:
    starts = [i for i in range(len(data) - 3) if data[i : i + 3] == b"\x00\x00\x01" and data[i + 3] & 0x1F in {1, 5}]
    edges = [0, *starts[1:], len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


def test_another_resolution_begins_a_new_run(
    tmp_path: Path, h264: Film, tmp_path_factory: pytest.TempPathFactory
) -> None:
    larger = film(tmp_path_factory.mktemp("film") / "larger.ts", 30, width=640)
    arrivals = h264.arrivals(range(30))
    arrivals += [h264.arrival(n, n * 6000, AT_S + n / 15, larger.packets[n - 30][0]) for n in range(30, 60)]
    segments, numbers, _ = record(tmp_path, arrivals)
    assert [(s.width, s.height) for s in segments] == [(320, 240), (640, 240)]
    assert segments[0].run != segments[1].run
    assert numbers == [*range(30), *range(30)]


@pytest.mark.parametrize("step_s", [3600.0, -3600.0], ids=["ahead", "back"])
def test_our_own_clock_is_set(tmp_path: Path, h264: Film, step_s: float) -> None:
    arrivals = [h264.arrival(n, n * 6000, AT_S + n / 15 + step_s * (n >= 40)) for n in range(90)]
    segments, numbers, _ = record(tmp_path, arrivals)
    assert numbers == list(range(90))
    assert [round(s.started_at - AT_S) for s in segments] == [0, round(3 + step_s)]
    assert segments[0].run != segments[1].run


def test_time_that_comes_twice_overwrites_nothing(tmp_path: Path, h264: Film) -> None:
    first, _, _ = record(tmp_path, h264.arrivals(range(30)))
    said = Collected()
    track = Track(7, tmp_path, "node", said.finished.append, said.lost.append)
    for arrival in h264.arrivals(range(30)):
        track.take(arrival)
    track.end()
    assert said.finished[0].segment.path != first[0].path
    assert len(open_segment_paths(tmp_path, 7)) == 2


def test_hevc_is_tagged_as_apple_wants_it(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    hevc = film(tmp_path_factory.mktemp("film") / "hevc.ts", 45, "libx265")
    (segment,), numbers, _ = record(tmp_path, hevc.arrivals(range(45)))
    assert (segment.codec, numbers) == ("hevc", list(range(45)))
    with av.open(str(tmp_path / open_segment_paths(tmp_path, 7)[0]), "r") as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"
