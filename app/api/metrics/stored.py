"""Database, disks and frame store."""

from __future__ import annotations

import json
from collections.abc import Iterator

from prometheus_client.core import Metric

from app.api.metrics.families import Source, gauge
from app.api.services import Services
from app.api.signs_of_life import alive, as_text
from core import keys
from core.background import Background
from storage.media_usage import media_usage
from storage.retention.room import disk_figures

USAGE_EVERY_S = 300.0


def database(services: Services) -> Iterator[Metric]:
    """Events, and clips by what has become of them."""
    yield gauge("camrec_events", "Events stored", (), [((), services.events.count())])
    yield gauge(
        "camrec_clips",
        "Clips by state",
        ("state",),
        [((state,), count) for state, count in services.clips.count_by_state().items()],
    )


def disks(services: Services) -> Iterator[Metric]:
    """Of every capture node, and of this machine."""
    settings = services.settings
    found = {settings.node: disk_figures(settings.media_dir, settings.min_free)}
    for node, sign in alive(services.redis, keys.CAPTURE_NODES).items():
        found[node] = sign.get("disk", {})
    yield gauge(
        "camrec_disk_bytes",
        "The disk of the media folder; recording stops when less than must_be_free is free",
        ("node", "kind"),
        [((node, kind), value) for node, disk in found.items() for kind, value in disk.items()],
    )


def media(services: Services) -> Source:
    """Of bytes by class: worked out now and then, since a sum over millions of rows takes its time."""
    usage = Background(lambda: media_usage(services.database), USAGE_EVERY_S, services.clock)

    def read(_: Services) -> Iterator[Metric]:
        yield gauge(
            "camrec_media_bytes",
            f"Disk taken by media, as of the last {USAGE_EVERY_S / 60:.0f} minutes",
            ("class", "node"),
            (usage.newest() or {}).items(),
        )
        budget_gb = services.settings.recordings_gb
        yield gauge(
            "camrec_recordings_budget_bytes",
            "Most disk that recordings may take on a machine (CAMREC_RECORDINGS_GB), where that is set",
            (),
            [] if budget_gb is None else [((), budget_gb * 1e9)],
        )

    return read


def copies(services: Services) -> Iterator[Metric]:
    """Copies of media in object storage, and backups, where there are to be any."""
    pipeline = services.redis.pipeline(transaction=False)
    pipeline.hgetall(keys.OBJECTS)
    pipeline.get(keys.BACKUP)
    objects, backup = pipeline.execute()
    said = {as_text(node): json.loads(raw) for node, raw in objects.items()}
    yield gauge(
        "camrec_objects_waiting",
        "Clips, events and recordings that wait to be copied to object storage",
        ("node",),
        [((node,), of_node["backlog"]) for node, of_node in said.items()],
    )
    settings = services.settings
    yield gauge(
        "camrec_backup_interval_seconds",
        "Time from one backup by beat to the next (CAMREC_BACKUP_HOURS), where there are to be any",
        (),
        [] if settings.backup_dir is None else [((), settings.backup_hours * 3600)],
    )
    made_at = json.loads(backup).get("made_at") if backup else None
    yield gauge(
        "camrec_backup_age_seconds",
        "Age of the newest backup by beat, where there is one",
        (),
        [] if made_at is None else [((), services.clock.now() - made_at)],
    )


def frame_store(services: Services) -> Iterator[Metric]:
    """Memory of the frame store."""
    used, allowed = services.frames.usage()
    yield gauge(
        "camrec_frame_store_bytes",
        "Memory of the frame store",
        ("kind",),
        [(("used",), used), (("allowed",), allowed)],
    )
