from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from capture.recorder.unindexed import UnindexedFiles
from core.errors import UnavailableError
from storage.segment_files import camera_folder
from storage.segments import SegmentStore

NAME = "20261124/10/0000-000.mp4"


class Index:
    """Has no rows; from its second question on the database is away until it is back."""

    def __init__(self) -> None:
        self.asked, self.is_back = 0, False

    def newest(self, *_: object) -> None:
        return None

    def without_rows(self, paths: Sequence[str]) -> list[str]:
        self.asked += 1
        if self.asked > 1 and not self.is_back:
            raise UnavailableError("The database is away.")
        return list(paths)


def test_what_was_found_before_the_database_went_is_not_forgotten(tmp_path: Path) -> None:
    paths = {camera_id: f"{camera_folder(camera_id)}/{NAME}" for camera_id in (1, 2)}
    for path in paths.values():
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).touch()
    index = Index()
    files = UnindexedFiles(tmp_path, "here", cast("SegmentStore", index))
    assert files.find([1, 2], enough=100) == [paths[1]]
    with pytest.raises(UnavailableError):
        files.find([1, 2], enough=100)
    index.is_back = True
    assert files.find([1, 2], enough=100) == [paths[2]]
