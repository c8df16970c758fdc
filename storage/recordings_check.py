"""Compares recordings on disk with their index, both ways."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from storage.progress import Progress, silent
from storage.segment_files import (
    BrokenSegmentError,
    header_bytes,
    is_abandoned,
    open_segment_paths,
    read_segment,
    recorded_camera_ids,
    repair,
    whole_segment_path,
    whole_segment_paths,
)
from storage.segments import Segment, SegmentStore

INDEXING_S = 30.0
"""A file that is younger may get its row from its recorder yet."""


class Fault(StrEnum):
    """What may be wrong with a segment."""

    NOT_INDEXED = "not_indexed"
    """A whole file without a row of this machine; repaired: gets its row, unless another machine has one."""
    MISSING = "missing"
    """A row without a file; repaired: the row goes."""
    BROKEN = "broken"
    """A file that is no whole segment; repaired: its torn end is cut off. What cannot be read is left."""
    TORN = "torn"
    """What a recorder that died left; repaired: becomes a segment with what is whole of it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong."""

    fault: Fault
    path: str
    message: str
    is_repaired: bool = False


def check_recordings(
    media: Path, store: SegmentStore, node: str, *, repairs: bool = False, progress: Progress = silent
) -> Iterator[Finding]:
    """Read every file and every row of this machine.

    Args:
        media: the media folder.
        store: the index.
        node: name of this machine.
        repairs: whether to mend what can be. No recording is deleted.
        progress: is told how far it is.

    Raises:
        UnavailableError: the database cannot be used now.
    """
    checked, total = 0, store.count(node)

    def tell() -> None:
        nonlocal checked
        checked += 1
        progress("reading recordings", checked, max(checked, total), "files")

    for camera_id in sorted(store.camera_ids(node).union(recorded_camera_ids(media))):
        yield from _check_camera(media, store, node, camera_id, repairs, tell)


def _check_camera(
    media: Path, store: SegmentStore, node: str, camera_id: int, repairs: bool, tell: Callable[[], None]
) -> Iterator[Finding]:
    # Rows first, files then: what is recorded meanwhile must not look like a row without a file.
    rows = store.paths(camera_id, node)
    for path in open_segment_paths(media, camera_id):
        if is_abandoned(media / path):
            yield _torn(media, store, node, path, repairs)
    if repairs:
        store.set_init_bytes(_init_bytes(media, store.without_init_bytes(camera_id, node)))
    files = set(whole_segment_paths(media, camera_id))
    rows = store.paths(camera_id, node)
    for path in sorted(rows.keys() - files):
        if (media / path).exists():
            continue  # recorded since we looked
        if repairs:
            store.forget([path])
        yield Finding(Fault.MISSING, path, "It is in the index, and not on disk.", repairs)
    for path in sorted(files):
        finding = _check_file(media, store, node, path, rows.get(path), repairs)
        if finding is not None:
            yield finding
        tell()


def _init_bytes(media: Path, paths: list[str]) -> dict[str, int]:
    """Of those files that can be read."""
    found = {}
    for path in paths:
        with contextlib.suppress(BrokenSegmentError):
            found[path] = header_bytes(media / path)
    return found


def _check_file(
    media: Path, store: SegmentStore, node: str, path: str, indexed_bytes: int | None, repairs: bool
) -> Finding | None:
    try:
        segment = read_segment(media, path, node)
    except FileNotFoundError:
        return None  # retention was quicker
    except (BrokenSegmentError, OSError) as error:
        return Finding(Fault.BROKEN, path, str(error), repairs and _mended(media, store, node, path))
    if indexed_bytes is None:
        is_young = time.time() - (media / path).stat().st_mtime < INDEXING_S
        return None if is_young else _not_indexed(store, segment, repairs)
    if indexed_bytes != segment.size_bytes:
        message = f"It has {segment.size_bytes} bytes; the index says {indexed_bytes}."
        return Finding(Fault.BROKEN, path, message, repairs and _mended(media, store, node, path))
    return None


def _not_indexed(store: SegmentStore, segment: Segment, repairs: bool) -> Finding:
    holder = store.node_of(segment.path)
    if holder is not None and holder != segment.node:
        message = (
            f"The index says that it lies on machine {holder}: `camrec nodes adopt {holder}`, if its disk is here."
        )
        return Finding(Fault.NOT_INDEXED, segment.path, message)
    is_added = repairs and store.add([segment]) > 0
    if is_added:
        store.mark_near_events([segment.path])
    return Finding(Fault.NOT_INDEXED, segment.path, "It is on disk, and not in the index.", is_added)


def _torn(media: Path, store: SegmentStore, node: str, open_path: str, repairs: bool) -> Finding:
    def rename() -> str:
        path = whole_segment_path(open_path)
        target = media / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            raise BrokenSegmentError(f"{path} exists already.")
        (media / open_path).rename(target)
        return path

    message = "Its recorder died while it wrote it."
    return Finding(Fault.TORN, open_path, message, repairs and _mended(media, store, node, open_path, rename))


def _mended(media: Path, store: SegmentStore, node: str, path: str, rename: Callable[[], str] | None = None) -> bool:
    try:
        if not repair(media / path):
            return False
        path = rename() if rename else path
        segment = read_segment(media, path, node)
    except (BrokenSegmentError, OSError):
        return False
    store.renew(segment)
    store.mark_near_events([path])
    return True
