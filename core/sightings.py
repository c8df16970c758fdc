"""Words of re-identification: one passage of a person, and whose it is."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from core.embedding import Embedding, Vector
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
    travel_s: float | None = None
    """Nobody comes from another camera quicker than this; None: what was learnt counts."""


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


@dataclass(frozen=True, slots=True)
class Seen:
    """A passage of somebody who is surely known, as far as travelling goes."""

    identity_id: str
    camera_id: int
    started_at: float
    ended_at: float


@dataclass(frozen=True, slots=True)
class TravelTime:
    """The quickest way from one camera's view to another's, as those who went it showed."""

    from_camera: int
    to_camera: int
    least_s: float
    """Nobody is quicker; 0: the views overlap, or nearly."""
    transitions: int
    """How many it was learnt from."""


@dataclass(frozen=True, slots=True)
class Where:
    """Which vectors count. None: any."""

    cameras: Collection[int] | None = None
    not_camera: int | None = None
    from_s: float | None = None
    """Those that ended at or after this time."""
    to_s: float | None = None
    """Those that started before this time."""
    not_keys: Collection[str] = ()
    not_groups: Collection[str] = ()


ANY = Where()


@dataclass(frozen=True, slots=True)
class Hit:
    """What was found."""

    key: str
    group: str
    similarity: float
    vector: Vector


def new_identity_id(passage_id: str) -> str:
    """The id of the identity that this passage is the first of: the same at every delivery."""
    return str(uuid.uuid5(EVENT_NAMESPACE, f"identity/{passage_id}"))
