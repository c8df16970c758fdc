"""What every recognition's judgement follows: the observations of one camera in, events out.

Judgement is deterministic and keeps no clock: the same observations give the same events with the same ids, so that a
redelivered message, or another worker that goes on from a checkpoint, doubles nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import BadSettingError, CamrecError
from core.types import Event, Observation, Zone


class BadStateError(CamrecError):
    """A checkpoint is not one that this version can go on from."""


class Judge(Protocol):
    """The judgement of one recognition on one camera."""

    state_version: ClassVar[int]
    """Of the checkpoints that it writes and reads."""

    def __init__(self, *, camera_id: int, settings: dict[str, Any], zones: Sequence[Zone] = ()) -> None: ...

    def observe(self, observation: Observation) -> list[Event]:
        """Take one frame's detections, in order of time; the events that are new or changed by it, whole."""

    def tick(self, now: float) -> list[Event]:
        """Close what has not been seen for too long while no observation came (`now`: seconds since the epoch)."""

    def finish(self) -> list[Event]:
        """Close everything, at the end of a video or when the camera is removed."""

    def state(self) -> dict[str, Any]:
        """All that it knows, as a copy made of JSON's types: the checkpoint."""

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint of this version, as a judge that has seen nothing yet.

        Raises:
            AttributeError, BadStateError, KeyError, TypeError, ValueError: it is broken.
        """


class JudgeSettings(BaseModel):
    """Base of a recognition's settings for one camera: plain numbers, each with bounds, and lists of words; each with a
    default and its meaning.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @classmethod
    def describe(cls) -> str:
        """Every setting with its type, range and default, in one line."""
        properties = cls.model_json_schema()["properties"]
        return ", ".join(f"{name} ({_values(p)}, default {p['default']})" for name, p in properties.items())

    @classmethod
    def parse(cls, kind: str, settings: dict[str, Any]) -> Self:
        """Check settings as they come from a request or the database.

        Raises:
            BadSettingError: an unknown name or a wrong value; the text names all valid ones.
        """
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg']}, not {e['input']!r}"
                if e["type"] != "extra_forbidden"
                else f"{e['loc'][0]} is unknown"
                for e in error.errors()
            )
            raise BadSettingError(f"Wrong settings for {kind}: {faults}. Valid settings: {cls.describe()}.") from None


def _values(described: dict[str, Any]) -> str:
    """What a setting may be, of its JSON schema."""
    if described["type"] == "array":
        return "list"
    return f"{described['type']} from {described['minimum']} to {described['maximum']}"
