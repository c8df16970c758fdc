"""Search by pgvector beside the exact index in memory: what the graph finds of it, and what both cost.

The database must be an empty one, on a PostgreSQL with pgvector.

.venv/bin/python -m benchmarks.reid_pgvector postgresql://USER@/NAME?host=SOCKET_FOLDER [--vectors 100000]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from sqlalchemy import insert, text

from benchmarks.report import write_report
from core.embedding import Embedding, Vector
from core.settings import load_settings
from core.sightings import ANY, Hit, Where
from reid.gallery import SightingIndex
from reid.matching import DEFAULT_THRESHOLDS
from storage.database import Database
from storage.models import IdentityRow, IdentityVectorRow, SightingRow
from storage.vector_index import VectorIndex
from tasks.gallery_index import open_index

MODEL, DIMENSIONS, MOST, QUERIES = "bench@1", 256, 50, 40
SIGHTINGS_EACH, CAMERAS = 20, 50
BATCH = 5000


def looks(persons: int, rng: np.random.Generator) -> Vector:
    """Passages of as many persons, each near its own person's look, (N, D) of length 1."""
    centres = np.repeat(rng.normal(size=(persons, DIMENSIONS)), SIGHTINGS_EACH, axis=0)
    vectors = centres + 0.5 * rng.normal(size=centres.shape)
    unit: Vector = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def fill(database: Database, vectors: Vector) -> None:
    for start in range(0, len(vectors), BATCH):
        numbers = range(start, min(start + BATCH, len(vectors)))
        persons = sorted({n // SIGHTINGS_EACH for n in numbers})
        packed = [Embedding.of(MODEL, vectors[n], 1.0) for n in numbers]
        with database.write() as session:
            session.execute(insert(IdentityRow), [{"id": f"p{p}", "name": None, "created_at": 0.0} for p in persons])
            session.execute(insert(SightingRow), [_sighting_row(n) for n in numbers])
            session.execute(
                insert(IdentityVectorRow),
                [
                    {"sighting_id": f"s{n}", "model": MODEL, "values": one.values, "quality": 1.0}
                    for n, one in zip(numbers, packed, strict=True)
                ],
            )


def _sighting_row(n: int) -> dict[str, object]:
    row = {"id": f"s{n}", "identity_id": f"p{n // SIGHTINGS_EACH}", "camera_id": n % CAMERAS}
    return row | {"started_at": float(n), "ended_at": n + 10.0, "similarity": None, "changed_at": float(n)}


def searched(index: SightingIndex, queries: list[Embedding], where: Where) -> tuple[list[list[Hit]], float]:
    """What each query finds, and the median time of one in milliseconds."""
    found, times = [], []
    for query in queries:
        started = time.perf_counter()
        found.append(index.search(query, MOST, where))
        times.append(time.perf_counter() - started)
    return found, round(1000 * statistics.median(times), 1)


def recall(truth: list[list[Hit]], found: list[list[Hit]], least: float) -> float:
    """The share of all hits of at least that similarity that were found."""
    right, wanted = 0, 0
    for true, seen in zip(truth, found, strict=True):
        keys = {hit.key for hit in true if hit.similarity >= least}
        right, wanted = right + len(keys & {hit.key for hit in seen}), wanted + len(keys)
    return round(right / wanted, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database")
    parser.add_argument("--vectors", type=int, default=100_000)
    args = parser.parse_args()
    environ = {"CAMREC_DATABASE_URL": args.database, "CAMREC_DATA": tempfile.mkdtemp()}
    database = Database(load_settings(environ, env_file=Path("no.env")))
    database.migrate()
    rng = np.random.default_rng(1)
    vectors = looks(args.vectors // SIGHTINGS_EACH, rng)
    fill(database, vectors)
    queries = [Embedding.of(MODEL, look, 1.0) for look in looks(QUERIES, rng)[::SIGHTINGS_EACH]]
    queries[::2] = [Embedding.of(MODEL, vectors[n], 1.0) for n in rng.integers(0, len(vectors), len(queries[::2]))]
    memory, by_one = open_index(database, "memory"), open_index(database, "pgvector")
    by_one.refresh()
    memory.search(queries[0], 1)
    with database.write() as session:
        session.execute(text("ANALYZE"))  # autovacuum does it within a minute
    wheres = {"no filter": ANY, "a third of the time, half the cameras": _third(len(vectors))}
    figures: dict[str, dict[str, object]] = {}
    for name, where in wheres.items():
        _, exact_ms = searched(by_one, queries, where)
        figures[name] = {"pgvector one by one, ms": exact_ms}
    graph = VectorIndex(database, exact_rows=len(vectors) // 10)
    started = time.perf_counter()
    graph.build_graphs()
    build_s = round(time.perf_counter() - started, 1)
    for name, where in wheres.items():
        truth, memory_ms = searched(memory, queries, where)
        found, graph_ms = searched(graph, queries, where)
        figures[name] |= {
            "in memory, ms": memory_ms,
            "pgvector graph, ms": graph_ms,
            f"graph: recall of the best {MOST}": recall(truth, found, -1.0),
            "graph: recall of those alike enough for a match": recall(truth, found, DEFAULT_THRESHOLDS.similarity),
        }
    write_report("reid_pgvector", {"vectors": len(vectors), "build_s": build_s, "most": MOST, "figures": figures})


def _third(count: int) -> Where:
    return Where(cameras=range(CAMERAS // 2), from_s=count / 3, to_s=count * 2 / 3)


if __name__ == "__main__":
    main()
