"""Motion JPEG: pictures one after another in one ``multipart/x-mixed-replace`` answer (RFC 2046)."""

from __future__ import annotations

from core.clock import iso_utc

BOUNDARY = "frame"
MIMETYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
START = f"--{BOUNDARY}\r\n".encode()


def part(jpeg: bytes, captured_at: float) -> bytes:
    """One picture. The boundary follows it at once: browsers show a part when they see its end."""
    head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\nX-Captured-At: {iso_utc(captured_at)}\r\n\r\n"
    return head.encode() + jpeg + b"\r\n" + START
