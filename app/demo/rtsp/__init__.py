"""An RTSP server that plays files in a loop as if they were cameras."""

from app.demo.rtsp.clip import Clip
from app.demo.rtsp.mount import Fault
from app.demo.rtsp.server import RtspServer

__all__ = ["Clip", "Fault", "RtspServer"]
