from __future__ import annotations

from typing import Any

import pytest

from core.clock import iso_utc
from storage.database import Database
from storage.events import EventStore
from tests.support.api_client import ApiClient, code_of
from tests.support.stored import an_event

AT = 1_795_500_000.0
PERIOD = {"from": iso_utc(AT), "to": iso_utc(AT + 60)}


def test_a_camera_has_a_rule_of_its_own(
    admin: ApiClient, operator: ApiClient, viewer: ApiClient, camera_id: int
) -> None:
    address = f"/cameras/{camera_id}/retention"
    assert viewer.get(address).get_json() == {"priority": "normal", "limits": {}}
    rule = {"priority": "high", "limits": {"continuous": {"days": 2, "gb": None}, "clip": {"days": None, "gb": 10}}}
    assert operator.put(address, rule).status_code == 403
    assert admin.put(address, rule).get_json() == rule
    assert viewer.get(address).get_json() == rule
    assert admin.put(address, {}).get_json() == {"priority": "normal", "limits": {}}
    assert admin.get("/cameras/999/retention").status_code == 404


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        pytest.param({"priority": "top"}, "priority", id="unknown priority"),
        pytest.param({"limits": {"audio": {"days": 1}}}, "limits", id="unknown class"),
        pytest.param({"limits": {"clip": {"days": 0}}}, "limits", id="no days"),
        pytest.param({"limits": {"clip": {"days": "2"}}}, "limits", id="text for a number"),
        pytest.param({"limits": {"clip": {"weeks": 2}}}, "limits", id="unknown limit"),
        pytest.param({"limits": []}, "limits", id="a list"),
    ],
)
def test_a_wrong_rule_changes_nothing(admin: ApiClient, camera_id: int, rule: dict[str, Any], field: str) -> None:
    address = f"/cameras/{camera_id}/retention"
    before = admin.put(address, {"priority": "low"}).get_json()
    answer = admin.put(address, rule)
    assert answer.status_code == 422
    assert field in answer.get_json()["errors"]["json"]
    assert admin.get(address).get_json() == before


def test_a_range_is_locked_and_unlocked(
    operator: ApiClient, viewer: ApiClient, admin: ApiClient, camera_id: int
) -> None:
    wanted = {"camera_id": camera_id, **PERIOD, "note": "police, case 7"}
    assert viewer.post("/keep-locks", wanted).status_code == 403
    answer = operator.post("/keep-locks", wanted)
    lock = answer.get_json()
    assert answer.status_code == 201
    assert {k: lock[k] for k in wanted} == wanted
    assert (lock["created_by"], lock["event_id"]) == ("operator", None)
    assert viewer.get(answer.headers["Location"].removeprefix("/api/v1")).get_json() == lock
    assert viewer.get(f"/keep-locks?camera_id={camera_id}").get_json()["items"] == [lock]
    assert viewer.get(f"/keep-locks?from={AT + 61}").get_json()["items"] == []
    purge = admin.delete(f"/cameras/{camera_id}?purge=true")
    assert code_of(purge) == (409, "locked")
    assert operator.delete(f"/keep-locks/{lock['id']}").status_code == 204
    assert code_of(operator.delete(f"/keep-locks/{lock['id']}")) == (404, "keep_lock_not_found")
    assert admin.delete(f"/cameras/{camera_id}?purge=true").status_code == 204


def test_an_event_is_locked_with_its_surroundings(operator: ApiClient, database: Database, camera_id: int) -> None:
    event = an_event(camera_id, AT)
    EventStore(database).put([(event, None)], 1)
    lock = operator.post("/keep-locks", {"event_id": event.id}).get_json()
    assert (lock["camera_id"], lock["event_id"]) == (camera_id, event.id)
    assert (lock["from"], lock["to"]) == (iso_utc(AT - 5), iso_utc(AT + 7))
    assert operator.get(f"/keep-locks?event_id={event.id}").get_json()["items"] == [lock]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        pytest.param({"camera_id": 999}, 404, id="no such camera"),
        pytest.param({"to": PERIOD["from"]}, 422, id="no length"),
        pytest.param({"to": None}, 422, id="no end"),
        pytest.param({"event_id": "5dd5b9a4-2c4f-45d0-8f0a-0c8a5e0e7d1e"}, 422, id="both"),
        pytest.param({"note": "x" * 501}, 422, id="long note"),
    ],
)
def test_a_wrong_lock_is_refused(operator: ApiClient, camera_id: int, changes: dict[str, Any], status: int) -> None:
    answer = operator.post("/keep-locks", {"camera_id": camera_id, **PERIOD, **changes})
    assert answer.status_code == status
    assert operator.get("/keep-locks").get_json()["items"] == []


def test_an_unknown_event_is_not_locked(operator: ApiClient) -> None:
    answer = operator.post("/keep-locks", {"event_id": "5dd5b9a4-2c4f-45d0-8f0a-0c8a5e0e7d1e"})
    assert code_of(answer) == (404, "event_not_found")
    assert operator.post("/keep-locks", {}).status_code == 422
