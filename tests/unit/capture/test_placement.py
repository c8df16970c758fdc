from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from capture.placement import Placement

camera_sets = st.lists(st.sets(st.integers(1, 60)), min_size=1, max_size=10)


@given(camera_sets, st.integers(1, 10))
def test_cameras_stay_and_no_shard_is_overfull(steps: list[set[int]], limit: int) -> None:
    placement = Placement(limit)
    before: dict[int, int | None] = {}
    for cameras in steps:
        placement.place(cameras)
        now = {camera_id: placement.shard_of(camera_id) for camera_id in cameras}
        assert None not in now.values()
        assert all(now[camera_id] == before[camera_id] for camera_id in cameras & before.keys())
        assert max(Counter(now.values()).values(), default=0) <= limit
        assert sorted(c for shard in placement.shards() for c in placement.cameras_of(shard)) == sorted(cameras)
        before = now


def test_first_placement_needs_no_more_shards_than_must_be() -> None:
    placement = Placement(25)
    placement.place(range(101))
    assert placement.shards() == {0, 1, 2, 3, 4}


def test_new_cameras_go_where_the_fewest_are() -> None:
    placement = Placement(2)
    placement.place([1, 2, 3, 4])
    placement.place([1, 3, 4])
    placement.place([1, 3, 4, 5])
    assert placement.shard_of(5) == placement.shard_of(1)
