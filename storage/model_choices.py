"""Which cameras use other models than the installation does: what frames workers need to know of cameras."""

from __future__ import annotations

from sqlalchemy import select

from storage.database import Database
from storage.models import CameraRow, RecognitionRow

Choice = tuple[tuple[str, str], ...]
"""Role and model of each role that a camera fills otherwise, in order of the roles; empty: as the installation does."""


class ModelChoices:
    """A look at the recognitions of all cameras."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, kind: str) -> dict[int, Choice]:
        """Enabled cameras that have chosen models for this recognition.

        Raises:
            UnavailableError: the database cannot be used now.
        """
        query = select(RecognitionRow.camera_id, RecognitionRow.models).join(CameraRow)
        with self._database.read() as session:
            rows = session.execute(query.where(RecognitionRow.kind == kind, CameraRow.enabled)).all()
        return {row.camera_id: tuple(sorted(row.models.items())) for row in rows if row.models}
