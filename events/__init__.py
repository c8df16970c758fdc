"""Per-camera judgement: observations in, events out. Pure: time comes with the observations or is passed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import BadSettingError
from core.types import Zone
from events import falls, identities, plates, violence
from events.judge import BadStateError, Judge, JudgeSettings


@dataclass(frozen=True, slots=True)
class JudgeKind:
    """How one recognition is judged."""

    judge: type[Judge]
    parse_settings: Callable[[dict[str, Any]], JudgeSettings]


JUDGES: dict[str, JudgeKind] = {
    "plates": JudgeKind(plates.PlateJudge, plates.parse_settings),
    "falls": JudgeKind(falls.FallJudge, falls.parse_settings),
    "violence": JudgeKind(violence.ViolenceJudge, violence.parse_settings),
    "reid": JudgeKind(identities.IdentityJudge, identities.parse_settings),
}


def new_judge(
    kind: str, camera_id: int, settings: dict[str, Any], zones: Sequence[Zone] = (), matcher: Any = None
) -> Judge:
    """A judge that has seen nothing yet.

    Args:
        kind: of recognition.
        camera_id: of its camera.
        settings: of the recognition on that camera.
        zones: of the camera.
        matcher: what the judge asks about the world beyond its camera, where its kind knows of one (for `plates` a
            `events.plate_lists.PlateMatcher`); None: nothing. `reid` needs an `events.identities.Matcher`.

    Raises:
        BadSettingError: no such recognition, or wrong settings.
    """
    return _judge_kind(kind).judge(camera_id=camera_id, settings=settings, zones=zones, **_given(matcher))


def restore_judge(
    kind: str,
    camera_id: int,
    settings: dict[str, Any],
    state: dict[str, Any],
    zones: Sequence[Zone] = (),
    matcher: Any = None,
) -> Judge:
    """A judge that goes on from a checkpoint (`Judge.state`); the rest is as in `new_judge`.

    Raises:
        BadSettingError: no such recognition, or wrong settings.
        BadStateError: the checkpoint is of another version or broken.
    """
    judge = new_judge(kind, camera_id, settings, zones, matcher)
    if state.get("version") != judge.state_version:
        raise BadStateError(
            f"The checkpoint of {kind} on camera {camera_id} has version {state.get('version')!r}, "
            f"this program reads {judge.state_version}."
        )
    try:
        judge.resume(state)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadStateError(f"The checkpoint of {kind} on camera {camera_id} is broken: {error!r}.") from error
    return judge


def validate_settings(kind: str, settings: dict[str, Any]) -> dict[str, Any]:
    """A camera's settings for one recognition, complete with the defaults of what is not set.

    Raises:
        BadSettingError: no such recognition, an unknown setting or a wrong value; the text names the valid ones.
    """
    return _judge_kind(kind).parse_settings(settings).model_dump()


def _given(matcher: Any) -> dict[str, Any]:
    """Kinds that ask nothing take no matcher."""
    return {} if matcher is None else {"matcher": matcher}


def _judge_kind(kind: str) -> JudgeKind:
    try:
        return JUDGES[kind]
    except KeyError:
        raise BadSettingError(f"No recognition {kind!r}. Valid: {', '.join(sorted(JUDGES))}.") from None
