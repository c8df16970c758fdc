from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UnavailableError
from storage.fetched import FetchedCopies, modified_ns_of, version_of

MOST_BYTES = 1000


@pytest.fixture
def copies(tmp_path: Path) -> FetchedCopies:
    return FetchedCopies(tmp_path / ".fetched", MOST_BYTES)


def age(copies: FetchedCopies, path: str, wanted_s: float) -> None:
    copy = copies.locate(path)
    os.utime(copy, (wanted_s, copy.stat().st_mtime))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 800)), max_size=25))
def test_all_together_never_take_more_than_they_may(written: list[tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copies = FetchedCopies(Path(folder) / ".fetched", MOST_BYTES)
        for name, size_bytes in written:
            copies.write(f"clips/{name}.mp4", size_bytes, [b"x" * size_bytes])
            assert copies.locate(f"clips/{name}.mp4").stat().st_size == size_bytes
            files = [f for f in Path(folder).rglob("*") if f.is_file()]
            assert sum(f.stat().st_size for f in files) <= MOST_BYTES
            assert not any(f.name.startswith(".") for f in files)


def test_what_was_wanted_longest_ago_goes_first(copies: FetchedCopies) -> None:
    for number in range(4):
        copies.write(f"{number}.jpg", 200, [b"x" * 200])
        age(copies, f"{number}.jpg", number)
    assert copies.want("0.jpg")
    copies.write("4.jpg", 200, [b"x" * 200])
    assert [n for n in range(5) if copies.want(f"{n}.jpg")] == [0, 2, 3, 4]


def test_copies_that_nobody_wants_go_with_their_folders(copies: FetchedCopies, tmp_path: Path) -> None:
    for path in ("frames/1/old.jpg", "frames/2/new.jpg"):
        copies.write(path, 1, [b"x"])
    age(copies, "frames/1/old.jpg", 10)
    copies.forget(before_s=20)
    assert sorted(p.name for p in (tmp_path / ".fetched" / "frames").iterdir()) == ["2"]
    assert not copies.want("frames/1/old.jpg")
    copies.forget(before_s=20)
    assert copies.want("frames/2/new.jpg")


def test_a_copy_is_of_the_version_of_its_file(copies: FetchedCopies, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    copies.write("file", 7, [b"con", b"tent"], modified_ns_of(version_of(file)))
    copies.want("file")
    assert version_of(copies.locate("file")) == version_of(file)
    os.utime(file, ns=(0, 1))
    assert version_of(copies.locate("file")) != version_of(file)


def test_a_copy_that_breaks_off_leaves_nothing(copies: FetchedCopies, tmp_path: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"some"
        raise UnavailableError("gone")

    with pytest.raises(UnavailableError, match="gone"):
        copies.write("clip.mp4", 100, chunks())
    assert not copies.want("clip.mp4")
    assert [f for f in tmp_path.rglob("*") if f.is_file()] == []


def test_a_file_that_never_fits_is_refused_before_it_is_read(copies: FetchedCopies) -> None:
    copies.write("small.jpg", 10, [b"x" * 10])
    with pytest.raises(UnavailableError, match="raise CAMREC_FETCHED_GB"):
        copies.write("large.mp4", 900, iter(lambda: pytest.fail("it is read"), b""))
    assert copies.want("small.jpg"), "and costs no other its place"


def test_a_draft_that_is_written_stays_until_it_is_a_copy(copies: FetchedCopies) -> None:
    copies.write("old.jpg", 300, [b"x" * 300])
    age(copies, "old.jpg", 10)

    def chunks() -> Iterator[bytes]:
        yield b"x" * 400
        (draft,) = copies.locate("").glob(".slow*")
        os.utime(draft, (10, time.time()))  # it was begun long ago
        copies.write("quick.jpg", 600, [b"x" * 600])
        copies.forget(time.time() - 60)
        assert draft.exists()
        yield b"x" * 100

    copies.write("slow.mp4", 500, chunks())
    assert copies.want("slow.mp4")
    assert not copies.want("old.jpg")


def test_a_draft_that_nobody_writes_any_more_goes(copies: FetchedCopies, tmp_path: Path) -> None:
    draft = tmp_path / ".fetched/.clip.mp4.1234abcd"
    draft.parent.mkdir()
    draft.write_bytes(b"x")
    os.utime(draft, (10, 10))
    copies.forget(20)
    assert not draft.exists()
