"""What the routes work with, made once a process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import redis
from flask import Flask, current_app
from prometheus_client import CollectorRegistry

from app.api.auth.login import Authenticator
from app.api.events.feed import EventBell
from app.api.health.monitor import HealthMonitor
from app.api.jobs_link import JobsLink
from app.api.metrics.requests import RequestFigures
from app.api.person_look import PersonLook
from app.api.playback.elsewhere import LiveElsewhere
from app.api.playback.live import LiveWindows
from app.api.redis_link import RedisLink
from app.api.streams import StreamPool
from core.clock import Clock, SystemClock
from core.settings import Settings
from reid.gallery import SightingIndex
from storage.cameras import CameraStore
from storage.clips.events import EventClips
from storage.clips.store import ClipStore
from storage.database import Database
from storage.events import EventStore
from storage.frames.store import FrameStore, open_frame_store
from storage.identities import IdentityStore
from storage.kept_frames import KeptFrameStore
from storage.media import Media
from storage.media_nodes import MediaNodes
from storage.motion_spans import MotionSpanStore
from storage.open_media import open_media
from storage.plate_lists import PlateListStore
from storage.retention.locks import KeepLockStore
from storage.retention.rules import RetentionRuleStore
from storage.secrets import Secrets
from storage.segments import SegmentStore
from storage.travel_times import TravelTimeStore
from storage.users import UserStore
from tasks.gallery_index import open_index

_EXTENSION = "camrec"


@dataclass(frozen=True, slots=True)
class Services:
    """Stores and connections of this process; all of them are safe for threads."""

    settings: Settings
    clock: Clock
    database: Database
    secrets: Secrets
    cameras: CameraStore
    users: UserStore
    events: EventStore
    plate_lists: PlateListStore
    identities: IdentityStore
    gallery: SightingIndex
    travel_times: TravelTimeStore
    persons: PersonLook
    kept_frames: KeptFrameStore
    segments: SegmentStore
    motion: MotionSpanStore
    live: LiveWindows
    live_elsewhere: LiveElsewhere
    clips: ClipStore
    event_clips: EventClips
    keep_locks: KeepLockStore
    retention_rules: RetentionRuleStore
    jobs: JobsLink
    media_nodes: MediaNodes
    media: Media
    frames: FrameStore
    redis_link: RedisLink
    authenticator: Authenticator
    streams: StreamPool
    event_bell: EventBell
    health: HealthMonitor
    metrics: CollectorRegistry
    requests: RequestFigures

    @property
    def redis(self) -> redis.Redis:
        """The Redis client.

        Raises:
            RedisUnavailableError: there is no Redis to connect to.
        """
        return self.redis_link.client()


def make_services(settings: Settings, clock: Clock | None = None) -> Services:
    """Open everything, on a database whose schema is there.

    Raises:
        UnavailableError: the folder of the frame store cannot be used.
    """
    clock = clock or SystemClock()
    database, secrets, redis_link = Database(settings), Secrets.of(settings), RedisLink(settings)
    users, metrics, nodes = UserStore(database), CollectorRegistry(), MediaNodes(settings)
    cameras, segments, clips = CameraStore(database, secrets), SegmentStore(database), ClipStore(database, clock.now)
    return Services(
        settings=settings,
        clock=clock,
        database=database,
        secrets=secrets,
        cameras=cameras,
        users=users,
        events=EventStore(database),
        plate_lists=PlateListStore(database),
        identities=IdentityStore(database),
        gallery=open_index(database, settings.gallery),
        travel_times=TravelTimeStore(database),
        persons=PersonLook(settings),
        kept_frames=KeptFrameStore(database),
        segments=segments,
        motion=MotionSpanStore(database),
        live=LiveWindows(clock),
        live_elsewhere=LiveElsewhere.of(settings, secrets, clock, nodes),
        clips=clips,
        event_clips=EventClips(database, clips, segments, cameras),
        keep_locks=KeepLockStore(database),
        retention_rules=RetentionRuleStore(database),
        jobs=JobsLink(settings),
        media_nodes=nodes,
        media=open_media(settings, secrets, clock, nodes),
        frames=open_frame_store(settings),
        redis_link=redis_link,
        authenticator=Authenticator(users, secrets, settings, clock),
        streams=StreamPool(settings.api_streams, clock),
        event_bell=EventBell(redis_link),
        health=HealthMonitor(clock),
        metrics=metrics,
        requests=RequestFigures(metrics),
    )


def attach(app: Flask, made: Services) -> None:
    """Make them reachable from the application."""
    app.extensions[_EXTENSION] = made


def services() -> Services:
    """Those of the application that answers this request."""
    return cast(Services, current_app.extensions[_EXTENSION])
