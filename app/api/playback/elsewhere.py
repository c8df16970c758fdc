"""Live pictures of cameras that another machine captures: its `camrec media` reads the files that grow there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import redis
from flask import Response

from app.api.files import MP4
from core import keys
from core.clock import Clock
from core.errors import UnavailableError
from core.settings import Settings
from storage.media_nodes import MediaNode, MediaNodes
from storage.media_tokens import MediaTokens
from storage.node_files import NodeFiles, live_file_address, live_playlist_address
from storage.secrets import Secrets
from storage.segment_files import SEGMENT_NAME

MOST_BYTES = 64_000_000
"""Of a part of a file: players ask for one group of pictures at a time."""
_NAME = re.compile(rf"\{{({SEGMENT_NAME.pattern})\}}")
"""Where a file is named in another machine's playlist."""


@dataclass(frozen=True, slots=True)
class LiveElsewhere:
    """Safe for threads."""

    own: str
    """Name of this machine."""
    nodes: MediaNodes
    files: NodeFiles

    @classmethod
    def of(cls, settings: Settings, secrets: Secrets, clock: Clock, nodes: MediaNodes) -> LiveElsewhere:
        """Nothing is asked yet. Its connections are its own: who watches live does not wait for who copies clips."""
        return cls(settings.node, nodes, NodeFiles(nodes, MediaTokens(secrets, clock), settings.node))

    def node_of(self, client: Callable[[], redis.Redis], camera_id: int) -> MediaNode | None:
        """The other machine that captures a camera and serves its media; None: this one, or nobody says.

        Args:
            client: of Redis.
            camera_id: Which.
        """
        with suppress(redis.RedisError, UnavailableError):
            said: Any = client().get(keys.camera_status(camera_id))
            name = None if said is None else json.loads(said).get("node")
            if name not in {None, self.own}:
                return self.nodes.all().get(name)
        return None

    def playlist(self, node: MediaNode, camera_id: int, kind: str, url: Callable[[str], str]) -> str | None:
        """What there is of the camera now; None: nothing yet.

        Args:
            node: Which machine.
            camera_id: Whose.
            kind: Of playlist: `RECORDED` or `LIVE`.
            url: Where a file of that name is to be had from us.

        Raises:
            NodeUnreachableError: the machine does not answer.
        """
        with self.files.opened(node, live_playlist_address(camera_id, kind)) as answer:
            if answer.status != 200:
                return None
            text = answer.read(MOST_BYTES).decode()
        return _NAME.sub(lambda name: url(name[1]), text)

    def file(self, first: MediaNode | None, camera_id: int, name: str, wanted: str | None) -> Response | None:
        """What is asked for of a file that a playlist named; None: no machine has it.

        Args:
            first: The machine to ask first: it captures the camera now, another may have a moment ago.
            camera_id: Whose.
            name: Of the file.
            wanted: Value of the request's header ``Range``.

        Raises:
            NodeUnreachableError: the machine does not answer, or no longer.
        """
        others = [n for n in self.nodes.all().values() if n.is_alive and n.name not in {self.own, first and first.name}]
        for node in ([first] if first else []) + others:
            headers = {} if wanted is None else {"Range": wanted}
            with self.files.opened(node, live_file_address(camera_id, name), headers) as answer:
                if answer.status == 404:
                    continue
                if int(answer.headers["Content-Length"]) > MOST_BYTES:
                    raise UnavailableError(f"Live pictures are asked for in parts of up to {MOST_BYTES // 10**6} MB.")
                response = Response(answer.read(), answer.status, mimetype=MP4)
                for header in ("Content-Range", "Accept-Ranges"):
                    if header in answer.headers:
                        response.headers[header] = answer.headers[header]
                return response
        return None
