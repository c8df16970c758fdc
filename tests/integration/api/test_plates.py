"""Search of plates, and lists of plates."""

from __future__ import annotations

from typing import Any

import pytest

from core.settings import Settings
from storage.camera import Camera
from storage.cameras import CameraStore
from storage.database import Database
from storage.events import EventStore
from storage.secrets import Secrets
from tests.support.api_client import ApiClient, code_of
from tests.support.stored import an_event

NOON = 1_795_521_600.0
ENTRY = {"plate": "RK-605 AB", "owner": "Anna", "note": "red car", "valid_from": None, "valid_until": None}


@pytest.fixture
def some_list(operator: ApiClient) -> int:
    made = operator.post("/plates/lists", {"name": "staff", "kind": "allow", "max_distance": 0})
    assert made.status_code == 201, made.text
    list_id: int = made.get_json()["id"]
    assert made.headers["Location"].endswith(f"/plates/lists/{list_id}")
    return list_id


def send_csv(client: ApiClient, list_id: int, text: str | bytes, query: str = "") -> Any:
    path = f"/plates/lists/{list_id}/entries.csv{query}"
    return client.call("POST", path, data=text, content_type="text/csv")


def plates_on(client: ApiClient, list_id: int, query: str = "") -> list[str]:
    answer = client.get(f"/plates/lists/{list_id}/entries{query}").get_json()
    return [entry["plate"] for entry in answer["items"]]


def test_plates_are_found_by_a_part_of_their_text(viewer: ApiClient, database: Database, settings: Settings) -> None:
    CameraStore(database, Secrets(settings.data)).replace_all(
        [Camera(id=n, name=f"camera {n}", url="rtsp://192.0.2.1/") for n in (1, 2)]
    )
    texts = ["RK605AB", "RK763AS", "BA738DE"]
    seen = [an_event(1 + n % 2, NOON + n, text=text) for n, text in enumerate(texts)]
    hit = an_event(1, NOON + 9, text="RK605AB", kind="plate_hit")
    EventStore(database).put([(event, None) for event in [*seen, hit]], epoch=1)

    def found(query: str) -> list[str]:
        return [item["text"] for item in viewer.get(f"/plates{query}").get_json()["items"]]

    assert found("") == ["BA738DE", "RK763AS", "RK605AB"]
    assert found("?text=rk-6") == ["RK605AB"]
    assert found("?text=rk") == ["RK763AS", "RK605AB"]
    assert found("?text=rk&camera_id=2") == ["RK763AS"]
    assert found(f"?from={NOON + 2}") == ["BA738DE"]
    first = viewer.get("/plates?limit=2").get_json()
    assert [item["text"] for item in first["items"]] == ["BA738DE", "RK763AS"]
    assert found(f"?limit=2&cursor={first['next']}") == ["RK605AB"]


def test_a_list_from_its_making_to_its_end(operator: ApiClient, viewer: ApiClient, some_list: int) -> None:
    path = f"/plates/lists/{some_list}"
    made = {"id": some_list, "name": "staff", "kind": "allow", "max_distance": 0}
    assert viewer.get(path).get_json() == made
    assert code_of(operator.post("/plates/lists", {"name": "staff", "kind": "deny"})) == (409, "plate_list_exists")
    assert operator.patch(path, {"kind": "watch"}).get_json() == {**made, "kind": "watch"}
    assert viewer.get("/plates/lists").get_json()["items"] == [{**made, "kind": "watch"}]
    assert operator.delete(path).status_code == 204
    assert code_of(viewer.get(path)) == (404, "plate_list_not_found")
    assert code_of(viewer.get(f"{path}/entries")) == (404, "plate_list_not_found")


def test_an_entry_from_its_making_to_its_end(operator: ApiClient, viewer: ApiClient, some_list: int) -> None:
    path = f"/plates/lists/{some_list}/entries"
    made = operator.post(path, ENTRY).get_json()
    assert made == {**ENTRY, "id": made["id"], "list_id": some_list}
    assert code_of(operator.post(path, {"plate": "rk605ab"})) == (409, "plate_list_exists")
    until = {"valid_until": "2026-12-01T00:00:00Z"}
    changed = operator.patch(f"{path}/{made['id']}", until).get_json()
    assert changed == {**made, "valid_until": "2026-12-01T00:00:00.000Z"}
    assert plates_on(viewer, some_list, "?text=605-a") == ["RK-605 AB"]
    assert plates_on(viewer, some_list, "?text=xx") == []
    assert operator.delete(f"{path}/{made['id']}").status_code == 204
    assert code_of(operator.delete(f"{path}/{made['id']}")) == (404, "plate_list_not_found")
    assert plates_on(viewer, some_list) == []


def test_an_entry_of_another_list_is_not_found(operator: ApiClient, some_list: int) -> None:
    other = operator.post("/plates/lists", {"name": "guests", "kind": "watch"}).get_json()["id"]
    entry = operator.post(f"/plates/lists/{other}/entries", ENTRY).get_json()
    assert code_of(operator.delete(f"/plates/lists/{some_list}/entries/{entry['id']}"))[0] == 404


def test_pages_of_entries(operator: ApiClient, some_list: int) -> None:
    send_csv(operator, some_list, "plate\n" + "".join(f"AB {n:03}\n" for n in range(5)))
    path = f"/plates/lists/{some_list}/entries?limit=2"
    seen, cursor = [], ""
    while cursor is not None:
        answer = operator.get(path + (f"&cursor={cursor}" if cursor else "")).get_json()
        seen += [entry["plate"] for entry in answer["items"]]
        cursor = answer["next"]
    assert seen == [f"AB {n:03}" for n in range(5)]


def test_what_is_exported_can_be_imported(operator: ApiClient, viewer: ApiClient, some_list: int) -> None:
    path = f"/plates/lists/{some_list}/entries"
    operator.post(path, {**ENTRY, "note": '=HYPERLINK("x"), "quoted"', "valid_until": "2027-01-01T00:00:00Z"})
    exported = viewer.get(f"{path}.csv")
    assert exported.mimetype == "text/csv"
    assert "'=HYPERLINK" in exported.text
    before = viewer.get(path).get_json()
    assert send_csv(operator, some_list, exported.data).get_json() == {"added": 0, "changed": 1, "removed": 0}
    assert viewer.get(path).get_json() == before


def test_import_adds_changes_and_where_asked_removes(operator: ApiClient, some_list: int) -> None:
    send_csv(operator, some_list, "plate;owner\nAA 111;one\nBB 222;two\n".encode("utf-8-sig"))
    answer = send_csv(operator, some_list, "plate,owner\nbb222,three\nCC 333,four\n", "?replace=true")
    assert answer.get_json() == {"added": 1, "changed": 1, "removed": 1}
    assert plates_on(operator, some_list) == ["bb222", "CC 333"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"plate\nAA111\n\xff", (400, "bad_csv"), id="not UTF-8"),
        pytest.param(b"", (422, "bad_csv"), id="empty"),
        pytest.param(b"number\nAA111\n", (422, "bad_csv"), id="no column plate"),
        pytest.param(b"plate,colour\nAA111,red\n", (422, "bad_csv"), id="unknown column"),
        pytest.param(b"plate,plate\nAA111,AA111\n", (422, "bad_csv"), id="a column twice"),
        pytest.param(b"plate\nAA111,x\n", (422, "invalid"), id="more cells than columns"),
        pytest.param(b"plate,owner\n,x\n", (422, "invalid"), id="no plate"),
        pytest.param(b"plate\n-\n", (422, "bad_plate_entry"), id="no letter or digit"),
        pytest.param(b"plate,valid_from\nAA111,tomorrow\n", (422, "invalid"), id="no time"),
        pytest.param(b'plate\n"AA111', (400, "bad_csv"), id="torn"),
    ],
)
def test_bad_files_are_refused_whole(
    operator: ApiClient, some_list: int, data: bytes, expected: tuple[int, str]
) -> None:
    send_csv(operator, some_list, "plate\nGOOD 1\n")
    assert code_of(send_csv(operator, some_list, data)) == expected
    assert plates_on(operator, some_list) == ["GOOD 1"]


def test_a_file_that_is_no_csv_is_refused(operator: ApiClient, some_list: int) -> None:
    answer = operator.post(f"/plates/lists/{some_list}/entries.csv", ENTRY)
    assert code_of(answer) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="no plate"),
        pytest.param({"plate": "A"}, id="one character"),
        pytest.param({"plate": "A" * 33}, id="too long"),
        pytest.param({"plate": 7}, id="a number"),
        pytest.param({"plate": "AA111", "colour": "red"}, id="unknown field"),
        pytest.param({"plate": "AA111", "valid_from": 200, "valid_until": 100}, id="never valid"),
    ],
)
def test_bad_entries_are_refused(operator: ApiClient, some_list: int, fields: dict[str, Any]) -> None:
    assert operator.post(f"/plates/lists/{some_list}/entries", fields).status_code == 422
    assert plates_on(operator, some_list) == []


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"kind": "allow"}, id="no name"),
        pytest.param({"name": " ", "kind": "allow"}, id="blank"),
        pytest.param({"name": "x", "kind": "friends"}, id="unknown kind"),
        pytest.param({"name": "x", "kind": "allow", "max_distance": 2}, id="too far"),
    ],
)
def test_bad_lists_are_refused(operator: ApiClient, fields: dict[str, Any]) -> None:
    assert operator.post("/plates/lists", fields).status_code == 422
    assert operator.get("/plates/lists").get_json()["items"] == []
