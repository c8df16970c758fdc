"""Makes the clips that the database asks for: segments → file, manifest, row."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.clock import Clock
from core.errors import CamrecError
from core.settings import Settings
from storage.cameras import CameraNotFoundError, CameraStore
from storage.clips.burn_in import burn_in
from storage.clips.cut import Cut, Source, cut, remove_left_drafts
from storage.clips.manifest import ClipFacts, SegmentFacts, describe_segment, make_manifest, signed
from storage.clips.painting import event_painter, time_painter
from storage.clips.store import Clip, ClipStore
from storage.database import Database
from storage.events import EventStore
from storage.media import MANIFEST_SUFFIX, Media, clip_files, clip_path
from storage.node_files import NodeUnreachableError
from storage.open_media import open_media
from storage.secrets import Secrets
from storage.segments import Segment, SegmentStore

CUT_SHARE = 0.1
"""Of the work on a clip that is drawn on: the cutting before."""

SPARE_BYTES = 200_000_000
"""Room on the disk that no clip takes: recording needs it more."""


PATIENCE_S = 30.0
"""How long a machine that holds segments may be away. Less than after which a clip counts as stalled."""
RETRY_S = 2.0


class ClipCancelledError(Exception):
    """Nobody wants the clip any more."""


@dataclass(frozen=True, slots=True)
class ClipMaker:
    """What making clips needs."""

    clips: ClipStore
    segments: SegmentStore
    events: EventStore
    cameras: CameraStore
    media: Media
    secrets: Secrets
    clock: Clock

    @classmethod
    def of(cls, settings: Settings, database: Database, clock: Clock) -> ClipMaker:
        """On an installation's stores."""
        secrets = Secrets.of(settings)
        return cls(
            clips=ClipStore(database),
            segments=SegmentStore(database),
            events=EventStore(database),
            cameras=CameraStore(database, secrets),
            media=open_media(settings, secrets, clock),
            secrets=secrets,
            clock=clock,
        )

    def make(self, clip_id: str) -> Clip | None:
        """Make a clip, unless it is made, cancelled or removed. Twice is as once.

        Returns:
            What it is now; None where there is none.

        Raises:
            UnavailableError: the database cannot be used; the clip waits.
        """
        clip = self.clips.begin(clip_id)
        if clip is not None:
            path = clip_path(clip.id, clip.from_s)
            try:
                result = self._cut(clip, path)
            except CamrecError as error:
                self.clips.failed(clip.id, str(error))
            except ClipCancelledError:
                self._remove(path)
            except Exception:
                self.clips.failed(clip.id, "Something went wrong here; the log has the details.")
                raise
            else:
                size_bytes = self.media.locate(path).stat().st_size
                if not self.clips.done(clip.id, path, size_bytes, result.gaps, self.media.node):
                    self._remove(path)
        made = self.clips.get(clip_id)
        if made is not None:
            remove_left_drafts(self.media.locate(clip_path(made.id, made.from_s)))
        return made

    def _cut(self, clip: Clip, path: str) -> Cut:
        def note(share: float) -> None:
            if not self.clips.progressed(clip.id, share):
                raise ClipCancelledError

        segments = self.segments.between(clip.camera_id, clip.from_s, clip.to_s)
        target, camera_name = self.media.locate(path), self._camera_name(clip.camera_id)
        self._check_room(segments)
        described: dict[Source, SegmentFacts] = {}
        sources = self._sources(segments, described)
        if clip.variant == "copy":
            result = cut(sources, clip.from_s, clip.to_s, target, note)
        else:
            result = self._paint(clip, sources, target, camera_name, note)
        facts = ClipFacts(
            clip_id=clip.id,
            camera_id=clip.camera_id,
            camera_name=camera_name,
            from_s=clip.from_s,
            to_s=clip.to_s,
            made_at=self.clock.now(),
            variant=clip.variant,
        )
        manifest = make_manifest(target, facts, result, [described[source] for source in result.used])
        self.media.write(path + MANIFEST_SUFFIX, signed(manifest, self.secrets.signing_key()))
        return result

    def _sources(self, segments: list[Segment], described: dict[Source, SegmentFacts]) -> Iterator[Source]:
        """One after another, fetched when it is its turn: what lies elsewhere has not room here all at once.

        Each is described when it was used, while it is here for sure.
        """
        for segment in segments:
            file = self._fetch_patiently(segment)
            source = Source(file, segment.started_at, segment.ended_at, segment.run)
            yield source
            with suppress(FileNotFoundError):  # then it was not used, either
                described[source] = describe_segment(source, segment.path)

    def _fetch_patiently(self, segment: Segment) -> Path:
        """A machine that starts anew must not cost a clip."""
        deadline_s = self.clock.monotonic() + PATIENCE_S
        while True:
            try:
                return self.media.fetch(segment.path, segment.node)
            except NodeUnreachableError:
                if self.clock.monotonic() > deadline_s:
                    raise
                self.clock.sleep(RETRY_S)

    def _paint(
        self, clip: Clip, sources: Iterable[Source], target: Path, camera_name: str, note: Callable[[float], None]
    ) -> Cut:
        """Cut as ever, then draw on that."""
        paint = time_painter(camera_name)
        if clip.variant == "boxes":
            paint = event_painter(camera_name, self.events.overlapping(clip.camera_id, clip.from_s, clip.to_s))
        plain = target.with_name(f".{target.stem}.{secrets.token_hex(4)}{target.suffix}")
        try:
            result = cut(sources, clip.from_s, clip.to_s, plain, lambda share: note(CUT_SHARE * share))
            burn_in(plain, target, result.parts, paint, lambda share: note(CUT_SHARE + (1 - CUT_SHARE) * share))
        finally:
            with suppress(OSError):
                plain.unlink(missing_ok=True)
        return result

    def _check_room(self, segments: list[Segment]) -> None:
        needed = sum(s.size_bytes for s in segments)
        free = shutil.disk_usage(self.media.locate("").parent).free
        if free < needed + SPARE_BYTES:
            raise CamrecError(
                f"No room for this clip: up to {needed / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free, "
                f"of which {SPARE_BYTES / 1e6:.0f} MB stay for recordings."
            )

    def _camera_name(self, camera_id: int) -> str:
        try:
            return self.cameras.get(camera_id).name
        except CameraNotFoundError:
            return ""

    def _remove(self, path: str) -> None:
        self.media.remove(clip_files(path))
