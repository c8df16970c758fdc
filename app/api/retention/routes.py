"""Retention: rules of cameras, and locks."""

from __future__ import annotations

import uuid
from typing import Any
from uuid import UUID

from flask.views import MethodView

from app.api.auth.gate import current_user
from app.api.blueprint import Blueprint
from app.api.errors import ApiError
from app.api.pages import page
from app.api.retention.schemas import (
    KeepLockPageSchema,
    KeepLockQuerySchema,
    KeepLockSchema,
    NewKeepLockSchema,
    RetentionSchema,
)
from app.api.services import services
from storage.retention.locks import KeepLock
from storage.retention.rules import RetentionRule

blp = Blueprint("retention", __name__, "/api/v1", "How long media stay, and what is locked")


@blp.route("/cameras/<id:camera_id>/retention")
class CameraRetention(MethodView):
    """How long one camera's media stay."""

    @blp.role("viewer")
    @blp.response(200, RetentionSchema)
    @blp.alt_response(404, "NOT_FOUND")
    def get(self, camera_id: int) -> RetentionRule:
        """Show where a camera's retention differs from the settings."""
        services().cameras.get(camera_id)
        return services().retention_rules.get(camera_id)

    @blp.role("admin")
    @blp.arguments(RetentionSchema)
    @blp.response(200, RetentionSchema)
    @blp.alt_response(404, "NOT_FOUND")
    def put(self, rule: RetentionRule, camera_id: int) -> RetentionRule:
        """Say how long a camera's media stay.

        What is older, or more, goes within minutes, and is not to be had back.
        """
        services().cameras.get(camera_id)
        services().retention_rules.put(camera_id, rule)
        return services().retention_rules.get(camera_id)


@blp.route("/keep-locks")
class KeepLocks(MethodView):
    """The list of locks."""

    @blp.role("viewer")
    @blp.arguments(KeepLockQuerySchema, location="query")
    @blp.response(200, KeepLockPageSchema)
    def get(self, query: dict[str, Any]) -> dict[str, Any]:
        """List locks, newest first; of a period those that overlap it."""
        event_id = query.get("event_id")
        found = services().keep_locks.page(
            query.get("cursor"),
            query["limit"] + 1,
            camera_id=query.get("camera_id"),
            event_id=None if event_id is None else str(event_id),
            from_s=query.get("from_s"),
            to_s=query.get("to_s"),
        )
        return page(found, query["limit"], lambda lock: (lock.created_at, lock.id))

    @blp.role("operator")
    @blp.arguments(NewKeepLockSchema)
    @blp.response(201, KeepLockSchema)
    @blp.alt_response(404, "NOT_FOUND")
    def post(self, fields: dict[str, Any]) -> tuple[KeepLock, dict[str, str]]:
        """Keep what there is of a range, or of an event, until it is unlocked."""
        wanted = _event_range(fields["event_id"]) if "event_id" in fields else fields
        if "event_id" not in fields:
            services().cameras.get(wanted["camera_id"])
        lock = KeepLock(
            id=str(uuid.uuid4()),
            camera_id=wanted["camera_id"],
            from_s=wanted["from_s"],
            to_s=wanted["to_s"],
            created_by=current_user().name,
            created_at=services().clock.now(),
            note=fields["note"],
            event_id=str(fields["event_id"]) if "event_id" in fields else None,
        )
        services().keep_locks.add(lock)
        return lock, {"Location": f"/api/v1/keep-locks/{lock.id}"}


@blp.route("/keep-locks/<uuid:lock_id>")
class OneKeepLock(MethodView):
    """One lock."""

    @blp.role("viewer")
    @blp.response(200, KeepLockSchema)
    @blp.alt_response(404, "NOT_FOUND")
    def get(self, lock_id: UUID) -> KeepLock:
        """Show a lock."""
        lock = services().keep_locks.get(str(lock_id))
        if lock is None:
            raise _not_found(lock_id)
        return lock

    @blp.role("operator")
    @blp.response(204)
    @blp.alt_response(404, "NOT_FOUND")
    def delete(self, lock_id: UUID) -> None:
        """Unlock. What another lock covers, too, stays locked; what is old goes within minutes."""
        if not services().keep_locks.remove(str(lock_id)):
            raise _not_found(lock_id)


def _event_range(event_id: UUID) -> dict[str, Any]:
    stored = services().events.get(str(event_id))
    if stored is None:
        raise ApiError(404, "event_not_found", f"There is no event {event_id}.")
    shown = services().event_clips.wanted(stored.event)
    return {"camera_id": shown.camera_id, "from_s": shown.from_s, "to_s": shown.to_s}


def _not_found(lock_id: UUID) -> ApiError:
    return ApiError(404, "keep_lock_not_found", f"There is no lock {lock_id}.")
