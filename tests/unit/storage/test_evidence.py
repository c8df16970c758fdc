"""JPEGs kept until they are judged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import UnavailableError
from storage.frames.evidence import COUNT_INTERVAL_S, LEAST_PER_CAMERA, MAX_PER_CAMERA, Evidence
from tests.support.manual_clock import ManualClock

SEQ = 1_700_000_000_000_000


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return Evidence(tmp_path / "evidence", 10**9)


def kept(evidence: Evidence, camera_id: int, seqs: range) -> list[int]:
    return [seq for seq in seqs if evidence.get(camera_id, seq) is not None]


def test_a_picture_is_kept_for_its_camera_and_frame(tmp_path: Path, evidence: Evidence) -> None:
    evidence.keep(1, SEQ, b"one")
    evidence.keep(2, SEQ, b"two")
    other_process = Evidence(tmp_path / "evidence", 10**9)
    assert [other_process.get(camera_id, SEQ) for camera_id in (1, 2, 3)] == [b"one", b"two", None]
    assert other_process.get(1, SEQ + 1) is None


def test_keeping_twice_keeps_the_last(evidence: Evidence) -> None:
    evidence.keep(1, SEQ, b"first")
    evidence.keep(1, SEQ, b"second")
    assert evidence.get(1, SEQ) == b"second"


def test_the_oldest_go_in_the_order_of_seq(evidence: Evidence) -> None:
    numbers = range(95, 95 + MAX_PER_CAMERA + 10)  # from two digits to three
    for seq in numbers:
        evidence.keep(1, seq, b"x")
    evidence.keep(2, 1, b"another camera's")
    assert kept(evidence, 1, numbers) == list(numbers[10:])
    assert evidence.get(2, 1) is not None


def test_where_the_budget_is_used_up_each_camera_keeps_fewer(tmp_path: Path) -> None:
    clock = ManualClock()
    evidence = Evidence(tmp_path / "evidence", 110, clock)
    for seq in range(SEQ, SEQ + 10):
        evidence.keep(1, seq, b"x" * 20)
    assert evidence.used_bytes() == 200, "it looks only now and then"
    clock.advance(COUNT_INTERVAL_S)
    evidence.keep(2, SEQ, b"x" * 20)
    evidence.keep(1, SEQ + 10, b"x" * 20)
    assert kept(evidence, 1, range(SEQ, SEQ + 11)) == [*range(SEQ + 11 - LEAST_PER_CAMERA, SEQ + 11)]
    assert kept(evidence, 2, range(SEQ, SEQ + 1)) == [SEQ], "a camera that comes later has its picture, too"
    clock.advance(COUNT_INTERVAL_S)
    for seq in range(SEQ + 11, SEQ + 16):
        evidence.keep(1, seq, b"x" * 2)
    assert len(kept(evidence, 1, range(SEQ, SEQ + 16))) == LEAST_PER_CAMERA + 5, "there is room again"


def test_unfinished_pictures_of_killed_processes_go_in_their_turn(tmp_path: Path, evidence: Evidence) -> None:
    evidence.keep(1, SEQ, b"x")
    unfinished = tmp_path / "evidence" / "1" / f"{SEQ:020d}+abcd"
    unfinished.write_bytes(b"half")
    for seq in range(SEQ + 1, SEQ + MAX_PER_CAMERA - 1):
        evidence.keep(1, seq, b"x")
    assert unfinished.exists()
    evidence.keep(1, SEQ + MAX_PER_CAMERA, b"x")
    assert not unfinished.exists()


def test_sweep_forgets_other_cameras(tmp_path: Path, evidence: Evidence) -> None:
    for camera_id in (1, 2):
        evidence.keep(camera_id, SEQ, b"x")
    evidence.sweep([2])
    assert [path.name for path in (tmp_path / "evidence").iterdir()] == ["2"]
    evidence.keep(1, SEQ, b"again")
    assert evidence.get(1, SEQ) == b"again"


def test_only_this_user_sees_them(tmp_path: Path, evidence: Evidence) -> None:
    evidence.keep(1, SEQ, b"x")
    (picture,) = (tmp_path / "evidence" / "1").iterdir()
    modes = [path.stat().st_mode & 0o777 for path in (picture, picture.parent, picture.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]


def test_no_room_is_an_error_for_people(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("storage.frames.evidence.tempfile.mkstemp", full)
    with pytest.raises(UnavailableError, match="No space left"):
        evidence.keep(1, SEQ, b"x")


def test_many_at_once(evidence: Evidence) -> None:
    def work(number: int) -> None:
        evidence.keep(1, number, bytes([number % 256]) * 1000)
        picture = evidence.get(1, number)
        assert picture in {None, bytes([number % 256]) * 1000}

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(1, 301)))
    assert kept(evidence, 1, range(301)) == list(range(300 - MAX_PER_CAMERA + 1, 301))
