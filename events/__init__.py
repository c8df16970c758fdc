"""Per-camera judgement: observations in, events out. Pure: time comes with the observations or is passed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import BadSettingError
from core.types import Zone
from events import plates
from events.judge import Judge, JudgeSettings


@dataclass(frozen=True, slots=True)
class JudgeKind:
    """How one recognition is judged."""

    judge: type[Judge]
    parse_settings: Callable[[dict[str, Any]], JudgeSettings]


JUDGES: dict[str, JudgeKind] = {
    "plates": JudgeKind(plates.PlateJudge, plates.parse_settings),
}


def new_judge(kind: str, camera_id: int, settings: dict[str, Any], zones: Sequence[Zone] = ()) -> Judge:
    """A judge that has seen nothing yet.

    Raises:
        BadSettingError: no such recognition, or wrong settings.
    """
    return _judge_kind(kind).judge(camera_id=camera_id, settings=settings, zones=zones)


def restore_judge(
    kind: str, camera_id: int, settings: dict[str, Any], state: dict[str, Any], zones: Sequence[Zone] = ()
) -> Judge:
    """A judge that goes on from a checkpoint (`Judge.state`).

    Raises:
        BadSettingError: no such recognition, or wrong settings.
        BadStateError: the checkpoint is of another version or broken.
    """
    return _judge_kind(kind).judge.restore(state, camera_id=camera_id, settings=settings, zones=zones)


def validate_settings(kind: str, settings: dict[str, Any]) -> dict[str, Any]:
    """A camera's settings for one recognition, complete with the defaults of what is not set.

    Raises:
        BadSettingError: no such recognition, an unknown setting or a wrong value; the text names the valid ones.
    """
    return _judge_kind(kind).parse_settings(settings).model_dump()


def _judge_kind(kind: str) -> JudgeKind:
    try:
        return JUDGES[kind]
    except KeyError:
        raise BadSettingError(f"No recognition {kind!r}. Valid: {', '.join(sorted(JUDGES))}.") from None
