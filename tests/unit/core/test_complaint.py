"""How often a failure that goes on is said."""

from __future__ import annotations

import logging

import pytest

from core.complaint import REPEAT_S, Complaint
from core.errors import UnavailableError

AWAY = UnavailableError("Redis is away.")


@pytest.mark.parametrize(
    ("failures", "lines"),
    [
        pytest.param([(0, AWAY), (1, AWAY), (900, AWAY)], ["away"], id="the same for ever"),
        pytest.param([(0, OSError("after 1 s")), (1, OSError("after 2 s"))], ["after 1 s"], id="a text with a number"),
        pytest.param([(0, AWAY), (1, OSError("full"))], ["away", "full"], id="another failure"),
        pytest.param(
            [(0, AWAY), (1, OSError("full")), (2, AWAY), (3, OSError("full"))], ["away", "full"], id="two in turn"
        ),
        pytest.param([(0, OSError("a")), (REPEAT_S, OSError("b"))], ["a", "b"], id="another text, a while later"),
        pytest.param([(0, AWAY), (1, None), (2, AWAY)], ["away", "over", "away"], id="over, and again"),
        pytest.param([(0, None), (1, None)], [], id="well all the time"),
    ],
)
def test_said_once(
    caplog: pytest.LogCaptureFixture, failures: list[tuple[float, Exception | None]], lines: list[str]
) -> None:
    caplog.set_level(logging.INFO)
    times_s = iter([at_s for at_s, error in failures if error is not None])
    complaint = Complaint(logging.getLogger("test"), "Cameras are not watched", lambda: next(times_s))
    for _, error in failures:
        if error is None:
            complaint.well()
        else:
            complaint.failed(error)
        assert complaint.is_failing == (error is not None)
    assert len(caplog.messages) == len(lines)
    for message, word in zip(caplog.messages, lines, strict=True):
        assert message.startswith("Cameras are not watched: ")
        assert word in message


@pytest.mark.parametrize(("error", "has_traceback"), [(AWAY, False), (OSError(), False), (KeyError("x"), True)])
def test_a_mistake_of_ours_comes_with_its_traceback(
    caplog: pytest.LogCaptureFixture, error: Exception, has_traceback: bool
) -> None:
    Complaint(logging.getLogger("test"), "It fails").failed(error)
    assert (caplog.records[0].exc_info is not None) == has_traceback
