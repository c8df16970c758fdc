"""Tables. Times are seconds since the epoch (UTC); ids of deleted cameras are never used again."""

from storage.models.base import Base
from storage.models.cameras import CameraRow, PurgedCameraRow, RecognitionRow, UserRow, ZoneRow
from storage.models.events import (
    EventRow,
    IdentityRow,
    IdentityVectorRow,
    PlateListEntryRow,
    PlateListRow,
    ReidThresholdsRow,
    SightingRow,
    TravelTimeRow,
)
from storage.models.media import (
    ClipRow,
    FrameRow,
    KeepLockRow,
    MediaObjectRow,
    MediaRemovalRow,
    MotionSpanRow,
    RetentionRuleRow,
    SegmentRow,
)

__all__ = [
    "Base",
    "CameraRow",
    "ClipRow",
    "EventRow",
    "FrameRow",
    "IdentityRow",
    "IdentityVectorRow",
    "KeepLockRow",
    "MediaObjectRow",
    "MediaRemovalRow",
    "MotionSpanRow",
    "PlateListEntryRow",
    "PlateListRow",
    "PurgedCameraRow",
    "RecognitionRow",
    "ReidThresholdsRow",
    "RetentionRuleRow",
    "SegmentRow",
    "SightingRow",
    "TravelTimeRow",
    "UserRow",
    "ZoneRow",
]
