"""What a clip is: a manifest with hashes, signed by the installation that made it.

A manifest file is JSON, ``{"manifest": {...}, "public_key": BASE64, "signature": BASE64}``. The signature is Ed25519
(RFC 8032) over the bytes of ``manifest`` as JSON with sorted keys, no spaces and ASCII only; the public key is the 32
raw bytes. Numbers in it are whole and times are text, so that every JSON library writes the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from core.clock import iso_utc
from core.errors import CamrecError
from storage.clips.cut import Cut, Source
from storage.media import MANIFEST_SUFFIX

FORMAT = "camrec-clip/1"


class VerificationError(CamrecError):
    """A clip is not what its manifest says, or the manifest not what was signed."""


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """What the manifest says beside hashes."""

    clip_id: str
    camera_id: int
    camera_name: str
    from_s: float
    """As it was asked for, seconds since the epoch."""
    to_s: float
    made_at: float
    variant: str = "copy"


def manifest_path(clip: Path) -> Path:
    """Where a clip's manifest is looked for: beside it."""
    return clip.with_name(clip.name + MANIFEST_SUFFIX)


SegmentFacts = dict[str, Any]
"""What the manifest says of a segment."""


def describe_segment(source: Source, name: str) -> SegmentFacts:
    """Read a segment once more, for its hash.

    Args:
        source: Which.
        name: How it is called, e.g. its path below the media folder.

    Raises:
        FileNotFoundError: it is gone.
    """
    times = {"from": iso_utc(source.started_at), "to": iso_utc(source.ended_at)}
    return {**_file(source.path), "name": name, **times}


def make_manifest(clip: Path, facts: ClipFacts, result: Cut, segments: Sequence[SegmentFacts]) -> dict[str, Any]:
    """What is signed.

    Args:
        clip: The clip's file.
        facts: Which clip it is.
        result: What was cut.
        segments: Those of ``result.used``, as `describe_segment` has them.
    """
    return {
        "format": FORMAT,
        "clip": {"id": facts.clip_id, "variant": facts.variant, "made_at": iso_utc(facts.made_at)},
        "file": _file(clip),
        "camera": {"id": facts.camera_id, "name": facts.camera_name},
        "from": iso_utc(facts.from_s),
        "to": iso_utc(facts.to_s),
        "duration_ms": _ms(result.duration_s),
        "parts": [
            {"at_ms": _ms(part.at_s), "from": iso_utc(part.from_s), "to": iso_utc(part.to_s)} for part in result.parts
        ],
        "gaps": [{"from": iso_utc(g.from_s), "to": iso_utc(g.to_s), "reason": g.reason} for g in result.gaps],
        "segments": list(segments),
    }


def signed(manifest: dict[str, Any], key: Ed25519PrivateKey) -> bytes:
    """The manifest file."""
    envelope = {
        "manifest": manifest,
        "public_key": _base64(public_bytes(key)),
        "signature": _base64(key.sign(_canonical(manifest))),
    }
    return json.dumps(envelope, indent=2).encode() + b"\n"


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """The 32 bytes by which others check what the key signed."""
    return key.public_key().public_bytes_raw()


def verify(clip: Path, manifest_file: bytes, trusted_key: bytes | None = None) -> dict[str, Any]:
    """Check a clip against its manifest, and the manifest against its signature.

    Args:
        clip: The clip's file, under whatever name.
        manifest_file: What `signed` gave.
        trusted_key: Public key that must have signed it; None: any, which proves only that nothing was changed by
            somebody who could not sign it anew.

    Returns:
        The manifest.

    Raises:
        VerificationError: the file, the manifest or the key is another one; the text says which.
        OSError: the clip cannot be read.
    """
    try:
        envelope = json.loads(manifest_file)
        manifest, key_bytes = envelope["manifest"], base64.b64decode(envelope["public_key"], validate=True)
        signature = base64.b64decode(envelope["signature"], validate=True)
        key = Ed25519PublicKey.from_public_bytes(key_bytes)
        expected = (int(manifest["file"]["size_bytes"]), str(manifest["file"]["sha256"]))
        known = manifest["format"] == FORMAT
    except (ValueError, KeyError, TypeError, RecursionError):
        raise VerificationError("This is not the manifest of a clip.") from None
    if not known:
        raise VerificationError(f"The manifest has another format than {FORMAT}: {manifest['format']!r}.")
    try:
        key.verify(signature, _canonical(manifest))
    except InvalidSignature:
        raise VerificationError(
            "The signature does not fit the manifest: it was changed after it was signed."
        ) from None
    if trusted_key is not None and trusted_key != key_bytes:
        raise VerificationError(
            f"The manifest was signed by another installation's key, {_base64(key_bytes)}; "
            f"expected {_base64(trusted_key)}."
        )
    found = _file(clip)
    if (found["size_bytes"], found["sha256"]) != expected:
        raise VerificationError(
            f"{clip} is not the file that was signed: {expected[0]} bytes with SHA-256 {expected[1]} expected, "
            f"{found['size_bytes']} bytes with {found['sha256']} found."
        )
    return dict(manifest)


def _file(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"size_bytes": file.tell(), "sha256": digest}


def _canonical(manifest: dict[str, Any]) -> bytes:
    return json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _ms(duration_s: float) -> int:
    return round(duration_s * 1000)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
