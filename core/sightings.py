"""Words of re-identification: one passage of a person, and whose it is."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from core.embedding import Embedding
from core.types import EVENT_NAMESPACE


@dataclass(frozen=True, slots=True)
class Passage:
    """One person on one camera, followed from frame to frame: what there is to tell whose passage it is."""

    id: str
    """Derived from camera and track, so that a redelivered one is the same. Its event and its sighting have this id."""
    camera_id: int
    started_at: float
    ended_at: float
    """When it was last seen."""
    crops: tuple[Embedding, ...]
    """Of its best pictures, at least one."""
    beside: tuple[str, ...] = ()
    """Other passages seen on the same frame: they cannot be the same person."""
    travel_s: float = 0.0
    """Nobody comes from another camera quicker than this."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A passage in the gallery, and whose it is taken to be."""

    id: str
    identity_id: str
    camera_id: int
    started_at: float
    ended_at: float
    embedding: Embedding
    similarity: float | None
    """To the most alike earlier sighting of its identity; None for the first one."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """Whose passage it is."""

    identity_id: str
    name: str | None
    """What a person called the identity."""
    similarity: float | None
    """As in `Sighting`."""
    alike: tuple[str, ...] = ()
    """Identities that were as likely, so that a new one was made; empty where the decision was clear."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When two sightings are of one person."""

    similarity: float
    """At least this alike."""
    margin: float
    """And by so much more than the next identity."""


def new_identity_id(passage_id: str) -> str:
    """The id of the identity that this passage is the first of: the same at every delivery."""
    return str(uuid.uuid5(EVENT_NAMESPACE, f"identity/{passage_id}"))
