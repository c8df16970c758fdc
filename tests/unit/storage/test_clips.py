from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import av
import pytest

from core.errors import UnavailableError
from storage.clips.cut import Cut, Gap, NothingRecordedError, Part, Source, cut
from storage.clips.manifest import (
    ClipFacts,
    VerificationError,
    describe_segment,
    make_manifest,
    public_bytes,
    signed,
    verify,
)
from storage.secrets import Secrets
from tests.support.numbered import read_counter
from tests.support.recordings import FPS, write_segments

START = 1_795_521_600.0


@pytest.fixture(scope="module", params=["libx264", "libx265"])
def sources(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Source]:
    """Ten seconds in five segments of one run."""
    folder = tmp_path_factory.mktemp("segments")
    return [source_of(folder, s) for s in write_segments(folder, 1, START, 5, codec=request.param)]


def source_of(folder: Path, segment: Any) -> Source:
    return Source(folder / segment.path, segment.started_at, segment.ended_at, segment.run)


def shown(clip: Path) -> tuple[list[float], list[int]]:
    """Times and numbers of the pictures that a player shows."""
    with av.open(str(clip)) as container:
        frames = list(container.decode(video=0))
    return [float(f.time or 0) for f in frames], [read_counter(f.to_ndarray(format="bgr24")) for f in frames]


@pytest.mark.parametrize(
    ("from_s", "to_s", "numbers"),
    [
        pytest.param(0.0, 10.0, range(250), id="all"),
        pytest.param(2.0, 6.0, range(50, 150), id="from key frame to key frame"),
        pytest.param(2.52, 6.0, range(63, 150), id="starts between key frames"),
        pytest.param(3.0, 3.4, range(75, 85), id="within one segment"),
        pytest.param(5.0, 7.2, range(125, 180), id="ends between key frames"),
        pytest.param(-5.0, 1.0, range(25), id="asked from before the recording"),
        pytest.param(9.0, 15.0, range(225, 250), id="asked to after the recording"),
    ],
)
def test_a_clip_shows_exactly_what_was_asked(
    sources: list[Source], tmp_path: Path, from_s: float, to_s: float, numbers: range
) -> None:
    result = cut(sources, START + from_s, START + to_s, tmp_path / "clip.mp4")
    times, found = shown(tmp_path / "clip.mp4")
    assert found == list(numbers)
    assert times[0] == pytest.approx(0, abs=0.002)
    assert times[-1] == pytest.approx((len(numbers) - 1) / FPS, abs=0.002)
    assert result.duration_s == pytest.approx(len(numbers) / FPS, abs=0.05)
    assert len(result.parts) == 1


def test_packets_are_those_of_the_recording_and_browsers_can_play_at_once(
    sources: list[Source], tmp_path: Path
) -> None:
    clip = tmp_path / "clip.mp4"
    cut(sources, START + 2, START + 4, clip)
    with av.open(str(clip)) as made, av.open(str(sources[1].path)) as recorded:
        assert made.streams.video[0].codec_context.codec_tag in {"avc1", "hvc1"}
        assert [bytes(p) for p in made.demux(video=0) if p.size] == [
            bytes(p) for p in recorded.demux(video=0) if p.size
        ]
    data = clip.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_gaps_are_left_out_and_said(sources: list[Source], tmp_path: Path) -> None:
    result = cut([sources[0], sources[3]], START + 1, START + 12, tmp_path / "clip.mp4")
    times, found = shown(tmp_path / "clip.mp4")
    assert found == [*range(25, 50), *range(150, 200)]
    assert max(b - a for a, b in itertools.pairwise(times)) < 1.5 / FPS
    assert result.parts == (
        Part(0.0, START + 1, pytest.approx(START + 2, abs=0.01)),
        Part(pytest.approx(1.0, abs=0.01), START + 6, pytest.approx(START + 8, abs=0.01)),
    )
    assert [(g.from_s - START, g.to_s - START, g.reason) for g in result.gaps] == [
        (pytest.approx(2, abs=0.01), 6, "not_recorded"),
        (pytest.approx(8, abs=0.01), 12, "not_recorded"),
    ]


def test_a_lost_file_is_a_gap(sources: list[Source], tmp_path: Path) -> None:
    lost = Source(tmp_path / "lost.mp4", START + 2, START + 4, "run")
    result = cut([sources[0], lost, sources[2]], START, START + 6, tmp_path / "clip.mp4")
    assert [g.reason for g in result.gaps] == ["unreadable"]
    assert shown(tmp_path / "clip.mp4")[1] == [*range(50), *range(100, 150)]


def test_a_torn_file_gives_its_whole_fragments(tmp_path: Path) -> None:
    first, second = (source_of(tmp_path, s) for s in write_segments(tmp_path, 1, START, 2))
    data = second.path.read_bytes()
    second.path.write_bytes(data[: len(data) * 2 // 3])
    cut([first, second], START, START + 4, tmp_path / "clip.mp4")
    found = shown(tmp_path / "clip.mp4")[1]
    assert found[:50] == list(range(50))
    assert found == list(range(len(found)))


def test_another_picture_size_is_left_out_and_said(tmp_path: Path) -> None:
    small = [source_of(tmp_path, s) for s in write_segments(tmp_path, 1, START, 1, run="small")]
    large = [source_of(tmp_path, s) for s in write_segments(tmp_path, 1, START + 2, 1, run="large", width=640)]
    result = cut(small + large, START, START + 4, tmp_path / "clip.mp4")
    assert [(g.from_s - START, g.reason) for g in result.gaps] == [(pytest.approx(2, abs=0.01), "other_format")]
    assert result.used == tuple(small)


def test_a_new_run_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    """Its timestamps begin at 0 again."""
    one = [source_of(tmp_path, s) for s in write_segments(tmp_path, 1, START, 1, run="one")]
    two = [source_of(tmp_path, s) for s in write_segments(tmp_path, 1, START + 2.1, 1, run="two")]
    result = cut(one + two, START, START + 5, tmp_path / "clip.mp4")
    times, found = shown(tmp_path / "clip.mp4")
    assert found == [*range(50), *range(50)]
    assert all(b > a for a, b in itertools.pairwise(times))
    assert [g.from_s for g in result.gaps] == [pytest.approx(START + 4.1, abs=0.01)]


def test_nothing_recorded_leaves_no_file(sources: list[Source], tmp_path: Path) -> None:
    with pytest.raises(NothingRecordedError, match=r"2026-11-24T12:01:40\.000Z"):
        cut([], START + 100, START + 110, tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []


def test_what_the_progress_raises_ends_it_without_a_file(sources: list[Source], tmp_path: Path) -> None:
    shares = []

    def note(share: float) -> None:
        shares.append(share)
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut(sources, START, START + 10, tmp_path / "clip.mp4", note)
    assert shares == pytest.approx([0.2, 0.4, 0.6])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(sources: list[Source], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="cannot be written"):
        cut(sources, START, START + 10, tmp_path / "file" / "clip.mp4")


@pytest.fixture
def evidence(tmp_path: Path) -> tuple[Path, bytes, bytes]:
    """A clip's file, its manifest file, the key that signed it."""
    segment = tmp_path / "segment.mp4"
    segment.write_bytes(b"segment")
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"some clip")
    gap = Gap(START + 2, START + 3, "not_recorded")
    source = Source(segment, START, START + 2, "run")
    result = Cut((Part(0, START, START + 2),), (gap,), (source,))
    segments = [describe_segment(source, "recordings/segment.mp4")]
    key = Secrets(tmp_path / "data").signing_key()
    facts = ClipFacts("an id", 7, "Höhe", START, START + 3, START + 60)
    return clip, signed(make_manifest(clip, facts, result, segments), key), public_bytes(key)


def test_a_manifest_says_what_the_clip_is(evidence: tuple[Path, bytes, bytes]) -> None:
    clip, manifest_file, key = evidence
    manifest = verify(clip, manifest_file, key)
    assert manifest["camera"] == {"id": 7, "name": "Höhe"}
    assert (manifest["from"], manifest["to"]) == ("2026-11-24T12:00:00.000Z", "2026-11-24T12:00:03.000Z")
    assert manifest["segments"][0]["name"] == "recordings/segment.mp4"
    assert manifest["gaps"][0]["reason"] == "not_recorded"


def test_the_key_is_the_installations_and_stays(tmp_path: Path) -> None:
    keys = [public_bytes(Secrets(tmp_path / name).signing_key()) for name in ("one", "one", "two")]
    assert keys[0] == keys[1] != keys[2]


def test_a_changed_clip_is_noticed(evidence: tuple[Path, bytes, bytes]) -> None:
    clip, manifest_file, key = evidence
    clip.write_bytes(b"same clip")
    with pytest.raises(VerificationError, match="is not the file that was signed"):
        verify(clip, manifest_file, key)


def test_a_changed_manifest_is_noticed(evidence: tuple[Path, bytes, bytes]) -> None:
    clip, manifest_file, key = evidence
    envelope = json.loads(manifest_file)
    envelope["manifest"]["from"] = "2026-11-24T11:00:00.000Z"
    with pytest.raises(VerificationError, match="changed after it was signed"):
        verify(clip, json.dumps(envelope).encode(), key)


def test_another_signer_is_noticed(evidence: tuple[Path, bytes, bytes], tmp_path: Path) -> None:
    clip, manifest_file, key = evidence
    forged = signed(json.loads(manifest_file)["manifest"], Secrets(tmp_path / "other").signing_key())
    assert verify(clip, forged)["camera"]["id"] == 7
    with pytest.raises(VerificationError, match="another installation's key"):
        verify(clip, forged, key)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"\xff", b'{"manifest": 1, "public_key": "x", "signature": "x"}'])
def test_no_manifest_at_all(evidence: tuple[Path, bytes, bytes], text: bytes) -> None:
    with pytest.raises(VerificationError, match="not the manifest of a clip"):
        verify(evidence[0], text)
