"""Names of segments."""

from __future__ import annotations

import pytest

from core.errors import CamrecError
from storage.segment_files import open_segment_path, segment_name, whole_segment_path

AT_S = 1_795_524_800.144


def test_two_nodes_never_give_one_name() -> None:
    paths = [open_segment_path(7, AT_S, node) for node in ("hall-1", "hall-2")]
    assert len({whole_segment_path(path) for path in paths}) == 2
    least = segment_name(open_segment_path(7, AT_S))
    assert all(segment_name(path) > least for path in paths)


@pytest.mark.parametrize("node", [None, "hall-1"])
def test_a_segment_keeps_its_name(node: str | None) -> None:
    path = open_segment_path(7, AT_S, node)
    assert segment_name(path) == segment_name(whole_segment_path(path))
    assert segment_name(path).startswith("20261124-125320-144")


@pytest.mark.parametrize(
    "name", ["x.mp4", "20261124-125320.mp4", "20261124-125320-144-XYZW.mp4", "20261124-125320-144"]
)
def test_other_files_are_no_segments(name: str) -> None:
    with pytest.raises(CamrecError, match="name of a segment"):
        whole_segment_path(f"recordings/7/open/{name}")
