"""Live pictures of the cameras that this machine captures, for the APIs of the others."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, Response, abort, send_file

from app.api.playback.live import LiveWindows
from core.clock import Clock
from storage.live import LIVE, live_segment_file
from storage.node_files import LIVE_FILES, RECORDED


def add_live_routes(app: Flask, media: Path, clock: Clock) -> None:
    """Serve playlists, with each file's name in braces for whoever asks to put its address there, and the files."""
    windows = LiveWindows(clock)
    folders = {RECORDED: media, LIVE: media / LIVE}

    @app.get(f"{LIVE_FILES}<int:camera_id>/<kind>.m3u8")
    def live_playlist(camera_id: int, kind: str) -> Response:
        if kind not in folders:
            abort(404)
        text = windows.current(camera_id, folders[kind], "{{{}}}".format)
        return Response(text) if text else abort(404)

    @app.get(f"{LIVE_FILES}<int:camera_id>/<name>.mp4")
    def live_file(camera_id: int, name: str) -> Response:
        for folder in folders.values():
            path = live_segment_file(folder, camera_id, name)
            if path is not None:
                try:
                    return send_file(path, conditional=True)
                except FileNotFoundError:  # it was renamed just now
                    continue
        return abort(404)
