from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.embedding import Vector
from core.sightings import ANY, Where
from reid.index import Entry, ExactIndex

DIMENSIONS = 8


def unit(rng: np.random.Generator) -> Vector:
    vector = rng.normal(size=DIMENSIONS).astype(np.float32)
    return vector / np.linalg.norm(vector)


def entry(number: int, vector: Vector) -> Entry:
    return Entry(f"s{number}", f"p{number % 7}", number % 5, float(number), float(number + 3), vector)


def filled(count: int, seed: int = 1) -> tuple[ExactIndex, list[Entry]]:
    rng, index = np.random.default_rng(seed), ExactIndex(DIMENSIONS)
    entries = [entry(n, unit(rng)) for n in range(count)]
    for one in entries:
        index.add(one)
    return index, entries


def counts(one: Entry, where: Where) -> bool:
    """The filters, said in the plainest way."""
    return (
        (where.cameras is None or one.camera_id in where.cameras)
        and (where.not_camera is None or one.camera_id != where.not_camera)
        and (where.from_s is None or one.ended_at >= where.from_s)
        and (where.to_s is None or one.started_at < where.to_s)
        and one.key not in where.not_keys
        and one.group not in where.not_groups
    )


WHERES = [
    pytest.param(ANY, id="all"),
    pytest.param(Where(cameras=[1, 3]), id="cameras"),
    pytest.param(Where(cameras=[]), id="no camera"),
    pytest.param(Where(not_camera=2), id="other cameras"),
    pytest.param(Where(from_s=100.0, to_s=120.0), id="period"),
    pytest.param(Where(not_keys=("s3", "s4", "unknown")), id="not these"),
    pytest.param(Where(not_groups=("p1", "p2")), id="not these identities"),
    pytest.param(Where(cameras=[0], from_s=50.0, not_groups=("p0",)), id="together"),
]


@pytest.mark.parametrize("where", WHERES)
def test_finds_what_a_full_sort_of_what_counts_finds(where: Where) -> None:
    index, entries = filled(600)
    query = unit(np.random.default_rng(2))
    wanted = sorted((e for e in entries if counts(e, where)), key=lambda e: -float(e.vector @ query))[:10]
    hits = index.search(query, 10, where)
    assert [hit.key for hit in hits] == [e.key for e in wanted]
    assert [hit.similarity for hit in hits] == pytest.approx([float(e.vector @ query) for e in wanted], abs=1e-5)
    assert index.groups(where) == {e.group for e in entries if counts(e, where)}


@given(st.lists(st.tuples(st.sampled_from(["add", "remove"]), st.integers(0, 30)), max_size=80))
def test_holds_what_a_plain_dict_would(steps: list[tuple[str, int]]) -> None:
    rng, index, plain = np.random.default_rng(3), ExactIndex(DIMENSIONS), dict[str, Entry]()
    for step, number in steps:
        if step == "add":
            plain[f"s{number}"] = entry(number, unit(rng))
            index.add(plain[f"s{number}"])
        else:
            assert index.remove([f"s{number}"]) == (plain.pop(f"s{number}", None) is not None)
    assert index.keys == plain.keys()
    query = unit(rng)
    found = {hit.key: hit.similarity for hit in index.search(query, 100)}
    assert found == pytest.approx({key: float(one.vector @ query) for key, one in plain.items()}, abs=1e-5)


def test_slots_are_used_again_and_nothing_of_a_removed_vector_stays() -> None:
    index, entries = filled(200)
    rows = len(index._vectors)
    index.remove([e.key for e in entries])
    assert not index._vectors.any()
    for one in entries:
        index.add(one)
    assert (len(index), len(index._vectors)) == (200, rows)


@pytest.mark.parametrize(
    "vector",
    [
        pytest.param(np.ones(3, np.float32), id="other size"),
        pytest.param(np.zeros(DIMENSIONS, np.float32), id="no direction"),
        pytest.param(np.full(DIMENSIONS, np.nan, np.float32), id="not a number"),
        pytest.param(np.full(DIMENSIONS, 2.0, np.float32), id="too long"),
    ],
)
def test_refuses_vectors_that_cannot_be_compared(vector: Vector) -> None:
    with pytest.raises(ValueError, match="expected a vector"):
        ExactIndex(DIMENSIONS).add(entry(1, vector))
