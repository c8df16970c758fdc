"""What a live player does, with every rule of RFC 8216 checked that it relies on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import NamedTuple

import av

from tests.support.api_client import BASE, ApiClient
from tests.support.numbered import read_counter


class Listed(NamedTuple):
    """An entry of a playlist."""

    uri: str
    header_bytes: int
    offset: int
    size_bytes: int
    duration_s: float
    discontinuity: int
    """Number of discontinuities up to it, those that no list holds any more among them."""


@dataclass
class LivePlayer:
    """Asks as often as it is told to."""

    client: ApiClient
    camera_id: int
    listed: dict[int, Listed] = field(default_factory=dict)
    """By number."""
    parts_url: str = ""

    def start(self) -> LivePlayer:
        """Follow the first playlist to the one that goes on."""
        answer = self.client.get(f"/cameras/{self.camera_id}/live.m3u8")
        assert answer.status_code == 200, answer.text
        self.parts_url = next(line for line in answer.text.splitlines() if not line.startswith("#"))
        assert "EXT-X-STREAM-INF" in answer.text
        return self

    def poll(self) -> str:
        """Read the playlist again; what was listed before must not have changed. Returns its text."""
        answer = ApiClient(self.client.app).get(self.parts_url.removeprefix(BASE))
        assert answer.status_code == 200, answer.text
        entries = parse(answer.text)
        assert not self.listed or min(entries) <= max(self.listed) + 1, "numbers go on without a gap"
        for number, entry in entries.items():
            assert self.listed.setdefault(number, entry) == entry, f"entry {number} has changed"
        target_s = int(_one(r"TARGETDURATION:(\d+)", answer.text))
        assert all(round(entry.duration_s) <= target_s for entry in entries.values())
        return answer.text

    def pictures(self, numbers: list[int] | None = None) -> list[int]:
        """The counters in the pictures of entries, fetched as a player does and decoded without their file."""
        counters: list[int] = []
        for number in sorted(self.listed) if numbers is None else numbers:
            entry = self.listed[number]
            data = self._fetch(entry.uri, 0, entry.header_bytes)
            data += self._fetch(entry.uri, entry.offset, entry.size_bytes)
            with av.open(BytesIO(data), "r", format="mp4") as container:
                counters += [read_counter(frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)]
        return counters

    def _fetch(self, uri: str, offset: int, size_bytes: int) -> bytes:
        span = f"bytes={offset}-{offset + size_bytes - 1}"
        answer = ApiClient(self.client.app).get(uri.removeprefix(BASE), headers={"Range": span})
        assert answer.status_code == 206, f"{uri.partition('?')[0]}: {answer.status_code}"
        data: bytes = answer.data
        assert len(data) == size_bytes
        return data


def parse(text: str) -> dict[int, Listed]:
    """Entries of a live playlist by their numbers."""
    number, discontinuity = int(_one(r"MEDIA-SEQUENCE:(\d+)", text)), int(_one(r"DISCONTINUITY-SEQUENCE:(\d+)", text))
    entries: dict[int, Listed] = {}
    header_bytes = offset = size_bytes = 0
    duration_s = 0.0
    for line in text.splitlines():
        if line == "#EXT-X-DISCONTINUITY":
            discontinuity += 1
        elif found := re.match(r'#EXT-X-MAP:URI="[^"]+",BYTERANGE="(\d+)@0"', line):
            header_bytes = int(found[1])
        elif found := re.match(r"#EXTINF:([\d.]+),", line):
            duration_s = float(found[1])
        elif found := re.match(r"#EXT-X-BYTERANGE:(\d+)@(\d+)", line):
            size_bytes, offset = int(found[1]), int(found[2])
        elif line and not line.startswith("#"):
            entries[number] = Listed(line, header_bytes, offset, size_bytes, duration_s, discontinuity)
            number += 1
    return entries


def ends_at(text: str) -> float:
    """When the last picture of a list was taken, in seconds since the epoch."""
    stamp, _, behind = text.rpartition("#EXT-X-PROGRAM-DATE-TIME:")[2].partition("\n")
    return datetime.fromisoformat(stamp).timestamp() + sum(map(float, re.findall(r"#EXTINF:([\d.]+),", behind)))


def _one(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, text
    return found[1]
