"""The media of the whole installation: those of this machine, of the other ones, and of the bucket."""

from __future__ import annotations

from core.clock import Clock
from core.settings import Settings
from storage.fetched import FETCHED, FetchedCopies
from storage.media import Media
from storage.media_nodes import MediaNodes
from storage.media_tokens import MediaTokens
from storage.node_files import NodeFiles
from storage.objects.store import ObjectStore
from storage.secrets import Secrets


def open_media(settings: Settings, secrets: Secrets, clock: Clock, nodes: MediaNodes | None = None) -> Media:
    """For who reads what others may have written. Nothing is asked yet.

    Raises:
        BadSettingError: the settings of the bucket do not belong together.
    """
    return Media(
        settings.media_dir,
        settings.node,
        nodes=NodeFiles(nodes or MediaNodes(settings), MediaTokens(secrets, clock), settings.node),
        bucket=ObjectStore.of(settings),
        copies=FetchedCopies(settings.media_dir / FETCHED, settings.fetched_gb * 1e9, settings.min_free),
    )
