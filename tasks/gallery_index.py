"""Which search in the gallery this installation has."""

from __future__ import annotations

import logging
from typing import Literal

from core.errors import BadSettingError
from reid.gallery import SightingIndex
from reid.live_index import LiveIndex
from storage.database import Database
from storage.gallery import GalleryStore
from storage.vector_index import VectorIndex, prepare

log = logging.getLogger(__name__)


def open_index(database: Database, kind: Literal["auto", "memory", "pgvector"]) -> SightingIndex:
    """The index that `CAMREC_GALLERY` names; `auto`: pgvector where PostgreSQL has it, else exact and in memory.

    Raises:
        BadSettingError: pgvector was asked for, and cannot be used.
        UnavailableError: the database cannot be used now.
    """
    if kind == "memory" or (kind == "auto" and database.engine.dialect.name == "sqlite"):
        return LiveIndex(GalleryStore(database))
    hindrance = prepare(database)
    if hindrance is None:
        return VectorIndex(database)
    if kind == "pgvector":
        raise BadSettingError(f"CAMREC_GALLERY=pgvector cannot be used: {hindrance}.")
    log.warning("the ReID gallery is searched in memory, not by pgvector: %s", hindrance)
    return LiveIndex(GalleryStore(database))
