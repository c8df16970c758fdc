"""The ReID gallery in the database, as `reid.gallery.Gallery` has it. Rows are the truth; indexes are made of them."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from core.embedding import Embedding
from core.sightings import Sighting, Thresholds, TravelTime
from storage.database import Database, insert_or
from storage.models import IdentityRow, IdentityVectorRow, ReidThresholdsRow, SightingRow
from storage.purged_cameras import hold_cameras
from storage.travel_times import TravelTimeStore


class GalleryStore:
    """Sightings with their vectors."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, sighting: Sighting) -> None:
        """Store a sighting under its id, and its identity where that is not there yet; once is enough.

        A sighting on a camera that was removed meanwhile is not stored.

        Raises:
            UnavailableError: the database cannot be used now.
        """
        with self._database.write() as session:
            if not hold_cameras(session, {sighting.camera_id}):
                return
            _insert_once(session, IdentityRow, id=sighting.identity_id, name=None, created_at=sighting.started_at)
            _insert_once(
                session,
                SightingRow,
                id=sighting.id,
                identity_id=sighting.identity_id,
                camera_id=sighting.camera_id,
                started_at=sighting.started_at,
                ended_at=sighting.ended_at,
                similarity=sighting.similarity,
                changed_at=time.time(),
            )
            _insert_vector(session, sighting)

    def update(self, sighting: Sighting) -> bool:
        """Change period and embedding of a sighting; whose it is stays. False where it is there no more.

        Raises:
            UnavailableError: the database cannot be used now.
        """
        with self._database.write() as session:
            row = session.get(SightingRow, sighting.id)
            vector = session.get(IdentityVectorRow, sighting.id)
            if row is None or vector is None:
                return False
            row.started_at, row.ended_at, row.changed_at = sighting.started_at, sighting.ended_at, time.time()
            embedding = sighting.embedding
            if (vector.model, vector.values) != (embedding.model, embedding.values):
                # A new row, not a changed one: pgvector's copy beside the values goes with the old one.
                session.execute(delete(IdentityVectorRow).where(IdentityVectorRow.sighting_id == sighting.id))
                _insert_vector(session, sighting)
            return True

    def get(self, sighting_id: str) -> Sighting | None:
        """One sighting."""
        with self._database.read() as session:
            found = session.execute(_with_vectors().where(SightingRow.id == sighting_id)).first()
            return None if found is None else _sighting(found[0], found[1])

    def name_of(self, identity_id: str) -> str | None:
        """What a person called the identity."""
        with self._database.read() as session:
            return session.scalar(select(IdentityRow.name).where(IdentityRow.id == identity_id))

    def changed_since(self, model: str, after_s: float) -> list[tuple[float, Sighting]]:
        """Sightings of a model that were written at or after that time, with that time."""
        query = _with_vectors().where(IdentityVectorRow.model == model, SightingRow.changed_at >= after_s)
        with self._database.read() as session:
            return [(row.changed_at, _sighting(row, vector)) for row, vector in session.execute(query)]

    def count(self, model: str) -> int:
        """How many sightings of a model there are."""
        query = select(func.count()).select_from(IdentityVectorRow).where(IdentityVectorRow.model == model)
        with self._database.read() as session:
            return session.scalar(query) or 0

    def ids(self, model: str) -> set[str]:
        """The ids of all sightings of a model."""
        with self._database.read() as session:
            return set(session.scalars(select(IdentityVectorRow.sighting_id).where(IdentityVectorRow.model == model)))

    def thresholds(self, model: str) -> Thresholds | None:
        """As calibrated on this site; None: not yet."""
        with self._database.read() as session:
            row = session.get(ReidThresholdsRow, model)
            return None if row is None else Thresholds(row.similarity, row.margin)

    def travel_times(self, camera_id: int) -> list[TravelTime]:
        """What was learnt of the ways to and from a camera."""
        return TravelTimeStore(self._database).of_camera(camera_id)

    def set_thresholds(self, model: str, thresholds: Thresholds) -> None:
        """Keep what a calibration found."""
        with self._database.write() as session:
            session.merge(
                ReidThresholdsRow(
                    model=model,
                    similarity=thresholds.similarity,
                    margin=thresholds.margin,
                    calibrated_at=time.time(),
                )
            )


def _with_vectors() -> Select[SightingRow, IdentityVectorRow]:
    return select(SightingRow, IdentityVectorRow).join(
        IdentityVectorRow, IdentityVectorRow.sighting_id == SightingRow.id
    )


def _insert_vector(session: Session, sighting: Sighting) -> None:
    embedding = sighting.embedding
    _insert_once(
        session,
        IdentityVectorRow,
        sighting_id=sighting.id,
        model=embedding.model,
        values=embedding.values,
        quality=embedding.quality,
    )


def _insert_once(session: Session, table: type[Any], **values: Any) -> None:
    session.execute(insert_or(session, table).values(**values).on_conflict_do_nothing())


def _sighting(row: SightingRow, vector: IdentityVectorRow) -> Sighting:
    return Sighting(
        id=row.id,
        identity_id=row.identity_id,
        camera_id=row.camera_id,
        started_at=row.started_at,
        ended_at=row.ended_at,
        embedding=Embedding(vector.model, vector.values, vector.quality),
        similarity=row.similarity,
    )
