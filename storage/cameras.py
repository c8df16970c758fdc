"""Cameras, their recognitions and zones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.errors import CamrecError
from core.types import Zone
from storage.camera import Camera
from storage.camera_purge import purge_camera
from storage.camera_rows import CameraRows
from storage.database import Database
from storage.models import CameraRow, EventRow, RecognitionRow, ZoneRow
from storage.secrets import Secrets


class CameraNotFoundError(CamrecError):
    """No camera has this id."""


class CameraExistsError(CamrecError):
    """A name or an id is taken."""


class CameraStore:
    """Cameras in the database."""

    def __init__(self, database: Database, secrets: Secrets) -> None:
        self._database = database
        self._rows = CameraRows(secrets)

    def all(self, after_id: int = 0, limit: int | None = None) -> list[Camera]:
        """Cameras by id, after that one."""
        query = select(CameraRow).where(CameraRow.id > after_id).order_by(CameraRow.id).limit(limit)
        with self._database.read() as session:
            return [self._rows.camera(row) for row in session.scalars(query)]

    def enabled_ids(self) -> set[int]:
        """Of the cameras that are to be watched."""
        with self._database.read() as session:
            return set(session.scalars(select(CameraRow.id).where(CameraRow.enabled)))

    def versions(self) -> dict[int, int]:
        """Id → version of every camera: a cheap look at what has changed."""
        with self._database.read() as session:
            return {row.id: row.version for row in session.execute(select(CameraRow.id, CameraRow.version))}

    def kinds(self) -> set[str]:
        """Recognitions that some enabled camera has."""
        with self._database.read() as session:
            asked = select(RecognitionRow.kind).join(CameraRow).where(CameraRow.enabled).distinct()
            return set(session.scalars(asked))

    def get(self, camera_id: int) -> Camera:
        """One camera.

        Raises:
            CameraNotFoundError: there is none.
        """
        with self._database.read() as session:
            return self._rows.camera(self._row(session, camera_id))

    def add(self, camera: Camera) -> Camera:
        """Store a new camera; its id, where given, is kept.

        Raises:
            CameraExistsError: the name or the id is taken.
        """
        with _taken_means_exists(camera.name), self._database.write() as session:
            return self._add(session, camera)

    def change(self, camera: Camera) -> Camera:
        """Store a changed camera under its id, whatever it is now; otherwise as `edit`."""
        return self.edit(camera.id, lambda _: camera)

    def edit(self, camera_id: int, how: Callable[[Camera], Camera]) -> Camera:
        """Change a camera; nobody else changes it meanwhile. Zones stay as they are.

        Args:
            camera_id: Which.
            how: Given the camera as it is, says how it is to be; what it raises leaves the camera as it was.

        Raises:
            CameraNotFoundError: there is none with this id.
            CameraExistsError: the new name is taken.
        """
        with self._database.write() as session:
            row = self._row(session, camera_id)
            camera = how(self._rows.camera(row))
            with _taken_means_exists(camera.name):
                self._rows.fill(row, camera)
                session.flush()
            return self._rows.camera(row)

    def replace_all(self, cameras: Sequence[Camera], dry_run: bool = False) -> list[Camera]:
        """Make these the only cameras: those with a known id (or, without id, a known name) are changed, the others
        are added, and what is not named is removed. All or nothing; ``dry_run``: nothing, as if it had been all.

        Raises:
            CameraExistsError: a name or an id stands in the list twice.
        """
        return self._put_all(cameras, dry_run, remove_others=True)

    def merge(self, cameras: Sequence[Camera], dry_run: bool = False) -> list[Camera]:
        """As `replace_all`, and what is not named stays.

        Raises:
            CameraExistsError: a name or an id stands in the list twice, or a name is taken by a camera not in it.
        """
        return self._put_all(cameras, dry_run, remove_others=False)

    def _put_all(self, cameras: Sequence[Camera], dry_run: bool, remove_others: bool) -> list[Camera]:
        with _taken_means_exists("the list"), self._database.write() as session:
            rows = {row.id: row for row in session.scalars(select(CameraRow))}
            by_name = {row.name: row.id for row in rows.values()}
            wanted = [replace(c, id=c.id or by_name.get(c.name, 0)) for c in cameras]
            _refuse_twice([c.name for c in wanted if c.name], "name")
            _refuse_twice([c.id for c in wanted if c.id], "id")
            if remove_others:
                gone = rows.keys() - {c.id for c in wanted}
                for camera_id in gone:
                    session.delete(rows[camera_id])
                _end_events(session, gone)
                session.flush()
            self._free_names(session, [(rows[c.id], c.name) for c in wanted if c.id in rows and c.name])
            # Ids given by hand first, or a camera without one might take an id that is given further down.
            ids_first = sorted(range(len(wanted)), key=lambda place: wanted[place].id == 0)
            put = {place: self._put(session, rows.get(wanted[place].id), wanted[place]) for place in ids_first}
            if dry_run:
                session.rollback()
            return [put[place] for place in range(len(wanted))]

    def remove(
        self,
        camera_id: int,
        purge: bool = False,
        check: Callable[[Camera], None] = lambda _: None,
        node: str | None = None,
    ) -> list[str]:
        """Remove a camera.

        Args:
            camera_id: Which.
            purge: Remove its events, recordings, clips and kept frames, too; otherwise they stay until retention.
            check: Given the camera as it is; what it raises leaves the camera there.
            node: As `purge_camera` has it.

        Returns:
            Media files that belong to no row any more, as paths below the media folder.

        Raises:
            CameraNotFoundError: there is none.
            LockedError: what is to be purged is locked.
        """
        with self._database.write() as session:
            row = self._row(session, camera_id)
            check(self._rows.camera(row))
            session.delete(row)
            if not purge:
                _end_events(session, [camera_id])
                return []
            return purge_camera(session, camera_id, node)

    def set_zones(
        self, camera_id: int, zones: Iterable[Zone], check: Callable[[Camera], None] = lambda _: None
    ) -> Camera:
        """Replace the camera's zones.

        Args:
            camera_id: Which.
            zones: The new ones.
            check: Given the camera as it is; what it raises leaves its zones as they were.

        Raises:
            CameraNotFoundError: there is none.
        """
        with self._database.write() as session:
            row = self._row(session, camera_id)
            check(self._rows.camera(row))
            row.zones.clear()
            session.flush()
            row.zones.extend(
                ZoneRow(name=z.name, kind=z.kind, points=[list(p) for p in z.points], recognitions=list(z.recognitions))
                for z in zones
            )
            row.version += 1
            session.flush()
            return self._rows.camera(row)

    @staticmethod
    def _free_names(session: Session, renamed: Iterable[tuple[CameraRow, str]]) -> None:
        """Names may be swapped between cameras of one list, which no order of updates would survive."""
        for row, name in renamed:
            if row.name != name:
                row.name = f"\x01{row.id}"
        session.flush()

    def _put(self, session: Session, row: CameraRow | None, camera: Camera) -> Camera:
        if row is None:
            return self._add(session, camera)
        self._rows.fill(row, camera)
        session.flush()
        return self._rows.camera(row)

    def _add(self, session: Session, camera: Camera) -> Camera:
        row = CameraRow(id=camera.id or None, created_at=time.time(), version=0)
        self._rows.fill(row, camera)
        session.add(row)
        session.flush()
        if not camera.name:
            row.name = f"camera-{row.id}"
            session.flush()
        if camera.id and session.get_bind().dialect.name == "postgresql":
            # A sequence does not notice ids given by hand and would hand them out again. It never goes back:
            # ids of deleted cameras are not used again.
            session.execute(
                text("SELECT setval('cameras_id_seq', GREATEST(:id, (SELECT last_value FROM cameras_id_seq)))"),
                {"id": camera.id},
            )
        return self._rows.camera(row)

    @staticmethod
    def _row(session: Session, camera_id: int) -> CameraRow:
        # Locked on PostgreSQL; SQLite has one writer anyhow.
        row = session.get(CameraRow, camera_id, with_for_update=session.get_bind().dialect.name == "postgresql")
        if row is None:
            raise CameraNotFoundError(f"There is no camera {camera_id}.")
        return row


def _end_events(session: Session, camera_ids: Iterable[int]) -> None:
    """Nobody will: the judge drops what comes from a camera that is gone."""
    now = time.time()
    still_open = (EventRow.camera_id.in_(camera_ids), EventRow.ended_at.is_(None))
    session.execute(update(EventRow).where(*still_open).values(ended_at=now, changed_at=now))


def _refuse_twice(values: Sequence[object], what: str) -> None:
    twice = sorted({str(v) for v in values if values.count(v) > 1})
    if twice:
        raise CameraExistsError(f"The {what} {', '.join(twice)} stands in the list twice.")


@contextmanager
def _taken_means_exists(name: str) -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        if "unique" not in str(error.orig).lower():
            raise
        raise CameraExistsError(f"The name or the id of {name!r} is taken by another camera.") from None
