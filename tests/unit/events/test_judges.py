from __future__ import annotations

from typing import Any

import pytest

from core.errors import BadSettingError
from core.recognitions import RECOGNITIONS
from events import JUDGES, new_judge, restore_judge, validate_settings
from events.judge import BadStateError


def test_every_recognition_has_a_judge() -> None:
    assert set(JUDGES) == set(RECOGNITIONS)


def test_settings_are_completed_with_defaults() -> None:
    assert validate_settings("plates", {"gone_s": 5}) == {
        "min_score": 0.55,
        "min_length": 4,
        "gone_s": 5.0,
        "again_s": 60.0,
        "regions": [],
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param(
            {"min_scor": 0.5}, r"min_scor is unknown.*Valid settings: min_score \(number from 0", id="unknown"
        ),
        pytest.param({"min_score": 1.5}, r"min_score: .*less than or equal to 1, not 1\.5", id="too high"),
        pytest.param({"min_length": 0}, r"min_length: .*not 0\..*integer from 1 to 16", id="too low"),
        pytest.param({"min_length": 4.5}, "min_length: .*valid integer, not 4.5", id="not whole"),
        pytest.param({"gone_s": "3"}, "gone_s: .*valid number, not '3'", id="text"),
        pytest.param({"gone_s": True}, "gone_s: .*valid number, not True", id="boolean"),
        pytest.param({"gone_s": float("inf")}, "gone_s: .*not inf", id="infinite"),
        pytest.param({"gone_s": None}, "gone_s: .*not None", id="null"),
        pytest.param(
            {"gone_s": 100}, r"again_s \(60.0\) must not be less than gone_s \(100.0\)", id="again before gone"
        ),
        pytest.param([], r"settings: .*not \[\]", id="a list"),
        pytest.param({"regions": "SK"}, r"regions: .*list.*regions \(list, default \[\]\)", id="no list"),
        pytest.param({"regions": ["SK", "XX"]}, r"regions: .*No region 'XX'. Known: AT, BE", id="unknown region"),
    ],
)
def test_wrong_settings_are_refused(settings: Any, message: str) -> None:
    with pytest.raises(BadSettingError, match=message):
        validate_settings("plates", settings)
    with pytest.raises(BadSettingError, match=message):
        new_judge("plates", 1, settings)


def test_unknown_recognition_names_the_valid_ones() -> None:
    with pytest.raises(BadSettingError, match=r"'plate'.*Valid: .*plates"):
        new_judge("plate", 1, {})


@pytest.mark.parametrize(
    ("state", "message"),
    [
        pytest.param({}, "version None", id="empty"),
        pytest.param({"version": 0, "tracks": []}, "version 0", id="another version"),
        pytest.param({"version": 1}, "broken", id="no tracks"),
        pytest.param({"version": 1, "tracks": [{"id": "1"}]}, "broken", id="half a track"),
        pytest.param({"version": 1, "tracks": [7]}, "broken", id="no track"),
        pytest.param(
            {"version": 1, "tracks": [{"box": [0, 0, 1, 1], "votes": {"ballots": []}}]}, "broken", id="a list"
        ),
    ],
)
def test_a_bad_checkpoint_is_refused(state: dict[str, Any], message: str) -> None:
    with pytest.raises(BadStateError, match=message):
        restore_judge("plates", 1, {}, state)
