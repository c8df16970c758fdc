"""One contract, two searches: exact in memory, and by pgvector; a full sort of what counts is the oracle."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from core.embedding import Embedding
from core.errors import BadSettingError
from core.sightings import ANY, Sighting, Where
from reid.gallery import SightingIndex
from reid.live_index import LiveIndex
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.database import Database
from storage.gallery import GalleryStore
from storage.identities import IdentityStore
from storage.secrets import Secrets
from storage.vector_index import VectorIndex
from tasks.gallery_index import open_index
from tests.integration.database.conftest import emptied, pg_execute, settings_for

MODEL, DIMENSIONS, CAMERAS, COUNT = "m's 100%@1", 16, 5, 60


def uid(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012d}"


def look(seed: int, model: str = MODEL) -> Embedding:
    vector = np.random.default_rng(seed).normal(size=DIMENSIONS).astype(np.float32)
    return Embedding.of(model, vector / np.linalg.norm(vector), 0.5)


def sighting(number: int, model: str = MODEL) -> Sighting:
    at, identity = 10.0 * number, uid(9000 + number % 7)
    return Sighting(uid(number), identity, 1 + number % CAMERAS, at, at + 15, look(number, model), None)


@pytest.fixture(params=["memory on sqlite", "memory on postgresql", "pgvector", "pgvector's graph"])
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def stored(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database with cameras and no sighting."""
    if kind == "memory on sqlite":
        database = Database(settings_for(tmp_path))
        database.migrate()
    else:
        database = emptied(request.getfixturevalue("pg_vector_migrated"))
    CameraStore(database, Secrets(tmp_path)).replace_all(
        [Camera(n, f"camera {n}", "rtsp://10.0.0.5/") for n in range(1, CAMERAS + 1)]
    )
    yield database
    if kind == "memory on sqlite":
        database.close()


@pytest.fixture
def gallery(stored: Database) -> GalleryStore:
    """`COUNT` sightings of one model, and half as many of another that looks the same."""
    store = GalleryStore(stored)
    for number in range(COUNT):
        store.add(sighting(number))
    for number in range(COUNT, COUNT * 3 // 2):
        store.add(replace(sighting(number, "m@2"), embedding=look(number - COUNT, "m@2")))
    return store


@pytest.fixture
def index(kind: str, stored: Database, gallery: GalleryStore) -> SightingIndex:
    if kind.startswith("memory"):
        return open_index(stored, "memory")
    chosen = open_index(stored, "auto")
    assert isinstance(chosen, VectorIndex)
    if kind == "pgvector":
        return chosen
    graph = VectorIndex(stored, exact_rows=10)
    graph.build_graphs()
    assert graph.build_graphs() == [], "once is enough"
    return graph


def counts(one: Sighting, where: Where) -> bool:
    """The filters, said in the plainest way."""
    return (
        (where.cameras is None or one.camera_id in where.cameras)
        and (where.not_camera is None or one.camera_id != where.not_camera)
        and (where.from_s is None or one.ended_at >= where.from_s)
        and (where.to_s is None or one.started_at < where.to_s)
        and one.id not in where.not_keys
        and one.identity_id not in where.not_groups
    )


WHERES = {
    "all": ANY,
    "cameras": Where(cameras=[1, 3]),
    "no camera": Where(cameras=[]),
    "other cameras": Where(not_camera=2),
    "period of a few": Where(from_s=300.0, to_s=340.0),
    "period of many": Where(from_s=100.0, to_s=500.0),
    "not these": Where(not_keys=(uid(3), uid(4), uid(777))),
    "not these identities": Where(not_groups=(uid(9001), uid(9002))),
    "together": Where(cameras=[1], from_s=200.0, not_groups=(uid(9000),)),
}


def most_alike(those: list[Sighting], query: Embedding) -> list[Sighting]:
    return sorted(those, key=lambda s: -float(s.embedding.vector @ query.vector))


def test_finds_what_a_full_sort_of_what_counts_finds(index: SightingIndex) -> None:
    sightings, nobody = [sighting(n) for n in range(COUNT)], Where(cameras=[])
    for name, where in WHERES.items():  # one gallery for all: it takes longer to fill than to search
        those = [one for one in sightings if counts(one, where)]
        for seed in (3, 1001):
            query = look(seed)
            wanted = most_alike(those, query)[:10]
            hits = index.search(query, 10, where)
            assert [(hit.key, hit.group) for hit in hits] == [(s.id, s.identity_id) for s in wanted], name
            similarities = [float(s.embedding.vector @ query.vector) for s in wanted]
            assert [hit.similarity for hit in hits] == pytest.approx(similarities, abs=2e-3), name
            for hit in hits:
                assert float(hit.vector @ query.vector) == pytest.approx(hit.similarity, abs=1e-5), name
        assert index.identities(look(3), where, nobody) == {s.identity_id for s in those}, name


def test_models_are_never_mixed(index: SightingIndex) -> None:
    assert {hit.key for hit in index.search(look(5, "m@2"), 500)} == {uid(n) for n in range(COUNT, COUNT * 3 // 2)}
    assert {hit.key for hit in index.search(look(5), 500)} == {uid(n) for n in range(COUNT)}
    assert index.search(look(5, "m@3"), 10) == []
    assert index.identities_of(look(5), (uid(1), uid(COUNT))) == {uid(9001)}


def test_what_is_erased_changed_or_new_shows_at_once(
    index: SightingIndex, stored: Database, gallery: GalleryStore
) -> None:
    identities = IdentityStore(stored)
    assert index.search(look(8), 1)[0].key == uid(8)
    identities.erase(sighting(8).identity_id)
    assert all(hit.group != sighting(8).identity_id for hit in index.search(look(8), COUNT))
    gallery.add(replace(sighting(5000), embedding=look(8)))
    assert index.search(look(8), 1)[0].key == uid(5000)
    assert gallery.update(replace(sighting(5000), embedding=look(12345)))
    assert index.search(look(8), 1)[0].key != uid(5000)
    assert index.search(look(12345), 1)[0].key == uid(5000)
    into, other = sighting(2).identity_id, sighting(3).identity_id
    identities.merge(into, [other])
    assert index.search(look(3), 1)[0].group == into


def test_the_graph_is_what_large_galleries_are_searched_by(pg_vector_migrated: Database, tmp_path: Path) -> None:
    database = emptied(pg_vector_migrated)
    CameraStore(database, Secrets(tmp_path)).replace_all([Camera(1, "gate", "rtsp://10.0.0.5/")])
    for number in range(150):
        GalleryStore(database).add(replace(sighting(number), camera_id=1))
    index = VectorIndex(database, exact_rows=50)
    open_index(database, "pgvector")
    index.build_graphs()
    with database.write() as session:
        scans = "SELECT sum(idx_scan) FROM pg_stat_user_indexes WHERE indexrelname LIKE '%graph%'"
        session.execute(text("SELECT pg_stat_force_next_flush()"))
        before = session.scalar(text(scans))
    exact, found = VectorIndex(database), 0
    for seed in range(1000, 1020):
        truth = {hit.key for hit in exact.search(look(seed), 10)}
        found += len(truth & {hit.key for hit in index.search(look(seed), 10)})
    assert found / 200 >= 0.95
    database.engine.dispose()  # a backend tells its figures when it ends, if not before
    with database.read() as session:
        assert session.scalar(text(scans)) > before


def test_without_the_extension_search_is_in_memory_and_the_log_says_why(
    pg_migrated: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with pg_migrated.read() as session:
        if session.scalar(text("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'")):
            pytest.skip("this PostgreSQL has pgvector")
    with caplog.at_level(logging.WARNING):
        assert isinstance(open_index(pg_migrated, "auto"), LiveIndex)
    assert "`vector` is not installed" in caplog.text
    with pytest.raises(BadSettingError, match="CAMREC_GALLERY=pgvector cannot be used"):
        open_index(pg_migrated, "pgvector")


def test_who_may_not_create_the_extension_is_told_how(pg_vector_socket_dir: Path, tmp_path: Path) -> None:
    pg_execute(pg_vector_socket_dir, "CREATE ROLE plain LOGIN")
    pg_execute(pg_vector_socket_dir, "CREATE DATABASE plain OWNER plain")
    database = Database(settings_for(tmp_path, f"postgresql://plain@/plain?host={pg_vector_socket_dir}"))
    database.migrate()
    with pytest.raises(BadSettingError, match="CREATE EXTENSION vector"):
        open_index(database, "pgvector")
    assert isinstance(open_index(database, "auto"), LiveIndex)
    database.close()
