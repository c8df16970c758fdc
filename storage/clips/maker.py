"""Makes the clips that the database asks for: segments → file, manifest, row."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from core.clock import Clock
from core.errors import CamrecError, UnavailableError
from core.settings import Settings
from storage.cameras import CameraNotFoundError, CameraStore
from storage.clips.burn_in import burn_in
from storage.clips.cut import Cut, Gap, Source, cut, draft_of, remove_left_drafts
from storage.clips.manifest import ClipFacts, SegmentFacts, describe_segment, make_manifest, signed
from storage.clips.painting import event_painter, time_painter
from storage.clips.store import UNFINISHED, Clip, ClipStore
from storage.database import Database
from storage.events import EventStore
from storage.media import MANIFEST_SUFFIX, Media, clip_files, clip_path
from storage.open_media import open_media
from storage.overlaps import recorded_twice, without_repeats
from storage.secrets import Secrets
from storage.segments import Segment, SegmentStore

log = logging.getLogger(__name__)

CUT_SHARE = 0.1
"""Of the work on a clip that is drawn on: the cutting before."""

SPARE_BYTES = 200_000_000
"""Room on the disk that no clip takes: recording needs it more."""


ALIVE_S = 15.0
"""Between two signs of life: hashes and the end of a large file take minutes without progress to report."""

LONGEST_RETRY_S = 86_400.0
"""How long after it was asked for a clip waits for what may pass: a machine that is off, a full disk."""

PATIENCE_S = 60.0
RETRY_S = 2.0
"""How long, and how often, a worker tries to say so where the database is what is away."""


class ClipLostError(Exception):
    """The clip is not this worker's any more: nobody wants it, or another worker has it."""


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
        clip = self.clips.begin(clip_id, self.media.node)
        if clip is not None:
            with self._alive(clip):
                self._make(clip)
        made = self.clips.get(clip_id)
        if made is not None and made.state not in UNFINISHED:
            remove_left_drafts(self.media.locate(clip_path(made.id, made.from_s)))
        return made

    def _make(self, clip: Clip) -> None:
        path = clip_path(clip.id, clip.from_s)
        try:
            result = self._cut(clip, path)
            size_bytes = self.media.locate(path).stat().st_size
            if not self.clips.done(clip, path, size_bytes, result.gaps, self.media.node):
                self._remove_unless_wanted(clip.id, path)
        except ClipLostError:
            pass
        except UnavailableError as error:
            self._try_later(clip, str(error))
        except CamrecError as error:
            self.clips.failed(clip, str(error))
        except Exception:
            self.clips.failed(clip, "Something went wrong here; the log has the details.")
            raise

    @contextmanager
    def _alive(self, clip: Clip) -> Iterator[None]:
        """Somebody is at it, says its row meanwhile."""
        is_over = threading.Event()

        def say_so() -> None:
            while not is_over.wait(ALIVE_S):
                with suppress(UnavailableError):
                    self.clips.alive(clip)

        thread = threading.Thread(target=say_so, name=f"clip-{clip.id}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def _try_later(self, clip: Clip, reason: str) -> None:
        """It waits, unless it has waited for long. The database may be what is away: then this waits for it."""
        is_late = self.clock.now() > clip.created_at + LONGEST_RETRY_S
        deadline_s = self.clock.monotonic() + PATIENCE_S
        while True:
            try:
                self.clips.failed(clip, reason) if is_late else self.clips.put_back(clip, reason)
                return
            except UnavailableError:
                if self.clock.monotonic() > deadline_s:
                    raise
                self.clock.sleep(RETRY_S)

    def _cut(self, clip: Clip, path: str) -> Cut:
        def note(share: float) -> None:
            if not self.clips.progressed(clip, share):
                raise ClipLostError

        recorded = self.segments.between(clip.camera_id, clip.from_s, clip.to_s)
        segments = without_repeats(recorded)
        target, camera_name = self.media.locate(path), self._camera_name(clip.camera_id)
        self._check_room(segments)
        described: dict[Source, SegmentFacts] = {}
        sources = self._sources(segments, described)
        draft = draft_of(target)
        try:
            if clip.variant == "copy":
                result = cut(sources, clip.from_s, clip.to_s, draft, note)
            else:
                result = self._paint(clip, sources, draft, camera_name, note)
            again = [
                Gap(max(start, clip.from_s), min(end, clip.to_s), "recorded_twice")
                for start, end in recorded_twice(recorded, segments)
            ]
            result = replace(result, gaps=(*result.gaps, *again))
            facts = ClipFacts(
                clip_id=clip.id,
                camera_id=clip.camera_id,
                camera_name=camera_name,
                from_s=clip.from_s,
                to_s=clip.to_s,
                made_at=self.clock.now(),
                variant=clip.variant,
            )
            manifest = make_manifest(draft, facts, result, [described[source] for source in result.used])
            manifest_file = signed(manifest, self.secrets.signing_key())
            note(1.0)  # under its name there may be the one of who has it now
            draft.replace(target)
            self.media.write(path + MANIFEST_SUFFIX, manifest_file)
        except OSError as error:
            raise UnavailableError(f"{target} cannot be written: {error.strerror}.") from error
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
        return result

    def _sources(self, segments: list[Segment], described: dict[Source, SegmentFacts]) -> Iterator[Source]:
        """One after another, fetched when it is its turn: what lies elsewhere has not room here all at once.

        Each is described before it is used: retention may take it meanwhile.
        """
        for segment in segments:
            file = self.media.fetch(segment.path, segment.node)
            source = Source(file, segment.started_at, segment.ended_at, segment.run)
            try:
                described[source] = describe_segment(source, segment.path)
            except OSError as error:
                log.warning("clip of camera %d: %s cannot be read: %s", segment.camera_id, segment.path, error.strerror)
                source = replace(source, is_readable=False)
            yield source

    def _paint(
        self, clip: Clip, sources: Iterable[Source], target: Path, camera_name: str, note: Callable[[float], None]
    ) -> Cut:
        """Cut as ever, then draw on that."""
        paint = time_painter(camera_name)
        if clip.variant == "boxes":
            paint = event_painter(camera_name, self.events.overlapping(clip.camera_id, clip.from_s, clip.to_s))
        plain = draft_of(target)
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
            raise UnavailableError(
                f"No room for this clip: up to {needed / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free, "
                f"of which {SPARE_BYTES / 1e6:.0f} MB stay for recordings."
            )

    def _camera_name(self, camera_id: int) -> str:
        try:
            return self.cameras.get(camera_id).name
        except CameraNotFoundError:
            return ""

    def _remove_unless_wanted(self, clip_id: str, path: str) -> None:
        """What a lost worker has put there, unless it is another's by now, or soon will be."""
        clip = self.clips.get(clip_id)
        if clip is None or clip.state in {"cancelled", "failed"}:
            self.media.remove(clip_files(path))
