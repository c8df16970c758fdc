"""Which shards a worker should have."""

from __future__ import annotations

import pytest

from tasks.shard_shares import plan
from tasks.shards import holder_name

ALL = list(range(8))


@pytest.mark.parametrize(
    ("workers", "holders", "counts"),
    [
        pytest.param({"a": ALL}, {}, [8], id="alone"),
        pytest.param({"a": ALL, "b": ALL}, dict.fromkeys(ALL, "a"), [4, 4], id="a second one joins"),
        pytest.param(dict.fromkeys("abcde", ALL), dict.fromkeys(ALL, "a"), [1, 1, 2, 2, 2], id="nobody is left out"),
        pytest.param(dict.fromkeys("abcdefghij", ALL), {}, [0, 0, *[1] * 8], id="more workers than shards"),
        pytest.param({"a": ALL}, dict.fromkeys(ALL[4:], "dead"), [8], id="of one that is gone"),
        pytest.param({"a": ALL, "b": [6, 7]}, dict.fromkeys(ALL, "a"), [1, 7], id="one consumes two queues only"),
        pytest.param({"a": ALL[:4], "b": ALL[4:]}, {}, [4, 4], id="each its own queues"),
    ],
)
def test_every_shard_is_one_workers(workers: dict[str, list[int]], holders: dict[int, str], counts: list[int]) -> None:
    plans = {name: plan(name, shards, workers, holders) for name, shards in workers.items()}
    assert sorted(map(len, plans.values())) == counts
    assert sorted(shard for planned in plans.values() for shard in planned) == ALL
    assert all(planned <= set(workers[name]) for name, planned in plans.items())


def test_shards_stay_where_they_are() -> None:
    holders = {shard: "a" if shard < 4 else "b" for shard in ALL}
    assert plan("a", ALL, {"a": ALL, "b": ALL}, holders) == {0, 1, 2, 3}
    assert plan("a", ALL, {"a": ALL, "b": ALL, "c": ALL}, holders) < {0, 1, 2, 3}


def test_workers_in_containers_of_one_node_are_two_holders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is process 1 of its container, whose host name is its id; the node is that of the shared data volume."""
    monkeypatch.setattr("os.getpid", lambda: 1)
    holders = set()
    for host in ("3f2a", "9b1c"):
        monkeypatch.setattr("socket.gethostname", lambda host=host: host)
        holders.add(holder_name("capture"))
    assert len(holders) == 2
    assert {holder.partition(":")[0] for holder in holders} == {"capture"}
