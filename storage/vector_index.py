"""Search in the gallery by pgvector: what `reid.live_index.LiveIndex` does, done by PostgreSQL.

The rows with their `values` stay the truth. Beside them stands a column `embedding`, a copy that PostgreSQL can
compare. Whoever searches first fills it where it is missing, so that rows of any writer, age or backup are found, and
nothing has to be migrated when pgvector is installed later. A deleted row is in no search from then on.

What counts is decided before the best are taken. Up to `EXACT_ROWS` rows that count are compared one by one, which is
exact. More of them are searched by an HNSW graph, which filters *after* it walks: with pgvector's
``iterative_scan = strict_order`` it walks on until enough were found, and where it gives up early, the rows are
compared one by one after all. https://github.com/pgvector/pgvector#iterative-index-scans
"""

from __future__ import annotations

import hashlib
import logging
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Float, and_, bindparam, cast, func, literal_column, or_, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session
from sqlalchemy.types import UserDefinedType

from core.embedding import Embedding, Vector
from core.sightings import ANY, Hit, Where
from storage.database import Database
from storage.models import IdentityVectorRow, SightingRow

log = logging.getLogger(__name__)

EXACT_ROWS = 50_000
FILL_BATCH = 1000
LEAST_VERSION = (0, 8)
"""The first with iterative scans."""

_LOCK = 0x63616D78  # any number that is ours, see storage.database
_EF_SEARCH, _EF_CONSTRUCTION = 400, 128
"""Candidates that the walk, and the building, keep: 40, the default, is fewer than a matcher asks for."""

_EMBEDDING: ColumnElement[Any] = literal_column("embedding")

_HAS_COLUMN = (
    "SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('identity_vectors') "
    "AND attname = 'embedding' AND NOT attisdropped"
)
_PREPARE = (
    "ALTER TABLE identity_vectors ADD COLUMN IF NOT EXISTS embedding halfvec",
    "CREATE INDEX IF NOT EXISTS ix_identity_vectors_unfilled ON identity_vectors (sighting_id) WHERE embedding IS NULL",
)


def prepare(database: Database) -> str | None:
    """Make extension and column where they can be made and are not there yet; several processes may call it at once.

    Returns:
        Why pgvector cannot be used here; None: it can.

    Raises:
        UnavailableError: the database cannot be used now.
    """
    if database.engine.dialect.name != "postgresql":
        return "the database is SQLite"
    try:
        with database.write() as session:
            session.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _LOCK})
            offered = session.execute(
                text("SELECT default_version, installed_version FROM pg_available_extensions WHERE name = 'vector'")
            ).first()
            if offered is None:
                return "the extension `vector` is not installed on the server (package postgresql-NN-pgvector)"
            version = offered.installed_version or offered.default_version
            if tuple(int(part) for part in version.split(".")[:2]) < LEAST_VERSION:
                return f"pgvector is {version}, and 0.8 is the least"
            if offered.installed_version is None:
                session.execute(text("CREATE EXTENSION vector"))
            # Asked first, since even a change that changes nothing waits for everybody who reads the table.
            if session.execute(text(_HAS_COLUMN)).first() is None:
                for statement in _PREPARE:
                    session.execute(text(statement))
    except ProgrammingError as error:
        return f"{str(error.orig).strip()} (a superuser may run: CREATE EXTENSION vector)"
    return None


class _Halfvec(UserDefinedType[str]):
    """pgvector's type of float16 vectors, of one size or of any."""

    cache_ok = True

    def __init__(self, dimensions: int | None = None) -> None:
        self.dimensions = dimensions

    def get_col_spec(self, **_: Any) -> str:
        return "halfvec" if self.dimensions is None else f"halfvec({self.dimensions})"


class VectorIndex:
    """Search over the gallery of a database that `prepare` was called on; safe for threads."""

    def __init__(self, database: Database, exact_rows: int = EXACT_ROWS) -> None:
        self._database = database
        self._exact_rows = exact_rows

    def search(self, embedding: Embedding, most: int, where: Where = ANY) -> list[Hit]:
        """The sightings most alike, best first; the group of a hit is its identity.

        Raises:
            UnavailableError: the database cannot be used now.
        """
        self.refresh()
        with self._database.read() as session:
            hits = self._by_graph(session, embedding, most, where)
            return _compared(session, embedding, most, where, _EMBEDDING) if hits is None else hits

    def identities(self, embedding: Embedding, *wheres: Where) -> set[str]:
        """The identities with a sighting of this embedding's model that counts by one of these."""
        query = select(SightingRow.identity_id).distinct().where(_of_model(embedding.model))
        with self._database.read() as session:
            return set(session.scalars(query.where(or_(*map(_counts, wheres)))))

    def identities_of(self, embedding: Embedding, sightings: tuple[str, ...]) -> set[str]:
        """Whose these sightings are, as far as they are of this embedding's model."""
        query = select(SightingRow.identity_id).distinct().where(_of_model(embedding.model))
        with self._database.read() as session:
            return set(session.scalars(query.where(SightingRow.id.in_(sightings))))

    def refresh(self) -> None:
        """Fill the column where rows were written since. Nothing else is kept, so that nothing else can be old.

        Raises:
            UnavailableError: the database cannot be used now.
        """
        filled = FILL_BATCH
        while filled == FILL_BATCH:
            with self._database.write() as session:
                filled = _fill(session)
            if filled == FILL_BATCH:
                log.info("%d embeddings were handed to pgvector, more follow", filled)

    def build_graphs(self) -> list[str]:
        """Build the graph of each model that has more than `EXACT_ROWS` rows and none yet. Nobody waits for it.

        Returns:
            The models.

        Raises:
            UnavailableError: the database cannot be used now.
        """
        self.refresh()
        counted = select(IdentityVectorRow.model, func.min(func.vector_dims(_EMBEDDING)))
        with self._database.read() as session:
            large = session.execute(
                counted.group_by(IdentityVectorRow.model).having(func.count() > self._exact_rows)
            ).all()
            missing = [(model, dimensions) for model, dimensions in large if not _has_graph(session, model)]
        for model, dimensions in missing:
            log.info("%s: a graph for its vectors is built, so that search stays quick", model)
            self._build(model, dimensions)
        return [model for model, _ in missing]

    def _build(self, model: str, dimensions: int) -> None:
        name, quoted = _graph_name(model), model.replace("'", "''").replace("%", "%%")
        with self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # One that broke off half-way stays behind as invalid.
            connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            connection.exec_driver_sql(
                f"CREATE INDEX CONCURRENTLY {name} ON identity_vectors "
                f"USING hnsw ((embedding::halfvec({dimensions})) halfvec_cosine_ops) "
                f"WITH (ef_construction = {_EF_CONSTRUCTION}) WHERE model = '{quoted}'"
            )

    def _by_graph(self, session: Session, embedding: Embedding, most: int, where: Where) -> list[Hit] | None:
        """None where there is no graph, few rows count, or the walk found too few."""
        if not _has_graph(session, embedding.model):
            return None
        some = select(SightingRow.id).where(_of_model(embedding.model), _counts(where)).limit(self._exact_rows + 1)
        if (session.scalar(select(func.count()).select_from(some.subquery())) or 0) <= self._exact_rows:
            return None
        for setting, value in (
            ("hnsw.iterative_scan", "strict_order"),
            ("hnsw.ef_search", str(min(1000, max(_EF_SEARCH, 2 * most)))),
        ):
            session.execute(select(func.set_config(setting, value, True)))
        hits = _compared(session, embedding, most, where, cast(_EMBEDDING, _Halfvec(len(embedding.vector))))
        return hits if len(hits) == min(most, self._exact_rows) else None


def _compared(session: Session, embedding: Embedding, most: int, where: Where, column: ColumnElement[Any]) -> list[Hit]:
    """The best by a column's distance: the column alone fits no graph, so that all that count are compared."""
    query = embedding.vector
    distance = column.op("<=>", return_type=Float())(cast(_as_text(query), _Halfvec()))
    statement = (
        select(SightingRow.id, SightingRow.identity_id, distance, IdentityVectorRow.values)
        .where(_of_model(embedding.model), _counts(where), _EMBEDDING.is_not(None))
        .order_by(distance)
        .limit(most)
    )
    rows = session.execute(statement)
    # pgvector's cosine counts both as of length 1, the exact index the stored one only.
    length = float(np.linalg.norm(query))
    hits = [Hit(key, group, length * (1 - away), _unit(values)) for key, group, away, values in rows]
    return sorted(hits, key=lambda hit: -hit.similarity)


def _fill(session: Session) -> int:
    """Rows are locked in order, so that two who fill at once wait for each other and never for ever."""
    unfilled = (
        select(IdentityVectorRow.sighting_id, IdentityVectorRow.values)
        .where(_EMBEDDING.is_(None))
        .order_by(IdentityVectorRow.sighting_id)
        .limit(FILL_BATCH)
    )
    if session.execute(unfilled.limit(1)).first() is None:
        return 0
    rows = session.execute(unfilled.with_for_update()).all()
    if rows:
        session.connection().execute(
            text("UPDATE identity_vectors SET embedding = CAST(:embedding AS halfvec) WHERE sighting_id = :id"),
            [{"id": row.sighting_id, "embedding": _as_text(_stored(row.values))} for row in rows],
        )
    return len(rows)


def _has_graph(session: Session, model: str) -> bool:
    query = text("SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) AND indisvalid")
    return session.execute(query, {"name": _graph_name(model)}).first() is not None


def _graph_name(model: str) -> str:
    return f"ix_identity_vectors_graph_{hashlib.sha256(model.encode()).hexdigest()[:16]}"


def _of_model(model: str) -> ColumnElement[bool]:
    """Sightings with their vectors. The model is said in the text: a graph of one serves only who names that one."""
    return and_(
        SightingRow.id == IdentityVectorRow.sighting_id,
        IdentityVectorRow.model == bindparam(None, model, literal_execute=True),
    )


def _counts(where: Where) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = []
    if where.cameras is not None:
        conditions.append(SightingRow.camera_id.in_(where.cameras))
    if where.not_camera is not None:
        conditions.append(SightingRow.camera_id != where.not_camera)
    if where.from_s is not None:
        conditions.append(SightingRow.ended_at >= where.from_s)
    if where.to_s is not None:
        conditions.append(SightingRow.started_at < where.to_s)
    if where.not_keys:
        conditions.append(SightingRow.id.not_in(where.not_keys))
    if where.not_groups:
        conditions.append(SightingRow.identity_id.not_in(where.not_groups))
    return and_(True, *conditions)


def _stored(values: bytes) -> Vector:
    return Embedding("", values, 0.0).vector


def _unit(values: bytes) -> Vector:
    vector = _stored(values)
    return vector / np.float32(np.linalg.norm(vector))


def _as_text(vector: Vector) -> str:
    return "[" + ",".join(map(str, vector.tolist())) + "]"
