from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from core.plates import PlateList, PlateListEntry
from core.types import Box, Detection, Event, FrameRef, Observation
from events import new_judge, restore_judge
from events.plate_lists import PlateHit, PlateIndex

STAFF = PlateList(1, "staff", "allow", max_distance=0)
WANTED = PlateList(2, "wanted", "watch", max_distance=1)
BANNED = PlateList(3, "banned", "deny", max_distance=1)
AT = 1000.0


def entry(entry_id: int, plate_list: PlateList, plate: str, **fields: Any) -> PlateListEntry:
    return PlateListEntry(entry_id, plate_list.id, plate, **fields)


ENTRIES = [
    entry(1, STAFF, "RK 605 AB"),
    entry(2, WANTED, "BA-738 DE"),
    entry(3, WANTED, "BA-738 DF"),
    entry(4, BANNED, "RK-605-AC"),
    entry(5, WANTED, "A 12"),
    entry(6, BANNED, "ZA 111 AA", valid_from=500.0, valid_until=AT),
    entry(7, BANNED, "ZA 222 AA", valid_from=AT, valid_until=2000.0),
    entry(8, WANTED, "苏E·D51712"),
]
INDEX = PlateIndex([STAFF, WANTED, BANNED], ENTRIES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("RK605AB", [(1, 0)], id="exact; a near entry of another list is silent"),
        pytest.param("RK6O5A8", [(1, 0)], id="confusable characters count as equal"),
        pytest.param("RK605AC", [(4, 0)], id="the neighbour's plate opens no gate"),
        pytest.param("RK605AX", [(4, 1)], id="one wrong: only where the list allows it"),
        pytest.param("BA738DE", [(2, 0)], id="exact beats near on the same list"),
        pytest.param("BA738D", [(2, 1)], id="one missing: the first of two as near"),
        pytest.param("1BA738DF", [(3, 1)], id="one too many"),
        pytest.param("BA73XDX", [], id="two wrong"),
        pytest.param("A12", [(5, 0)], id="short, exact"),
        pytest.param("A13", [], id="short, one wrong"),
        pytest.param("ZA111AA", [], id="not valid any more"),
        pytest.param("ZA222AA", [(7, 0)], id="valid from now on"),
        pytest.param("ED51712", [(8, 1)], id="province not read"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_match(text: str, expected: list[tuple[int, int]]) -> None:
    assert [(hit.entry.id, hit.distance) for hit in INDEX.match(text, AT)] == expected


def test_a_plate_on_two_lists_is_two_hits() -> None:
    index = PlateIndex([WANTED, BANNED], [entry(1, WANTED, "RK605AB"), entry(2, BANNED, "rk-605-ab")])
    assert [hit.plate_list for hit in index.match("RK605AB", AT)] == [WANTED, BANNED]


PLATES = st.text("ABX137", min_size=5, max_size=8)


@given(st.lists(PLATES, min_size=1, max_size=8, unique=True), PLATES)
def test_the_index_finds_what_a_search_of_all_finds(plates: list[str], text: str) -> None:
    index = PlateIndex([WANTED], [entry(n, WANTED, plate) for n, plate in enumerate(plates, start=1)])
    nearest = min(Levenshtein.distance(text.replace("B", "8"), plate.replace("B", "8")) for plate in plates)
    assert [hit.distance for hit in index.match(text, AT)] == ([nearest] if nearest <= 1 else [])


HERE: Box = (250, 300, 350, 325)


def observation(at: float, text: str, score: float = 0.95) -> Observation:
    frame = FrameRef(1, seq=int(at * 1000), captured_at=at, width=640, height=480)
    return Observation(frame, "plates", (Detection("plate", score, HERE, text=text),))


def tell(judge: Any, texts: list[str], start: float = AT) -> list[Event]:
    return [event for n, text in enumerate(texts) for event in judge.observe(observation(start + n / 5, text))]


def test_a_hit_is_an_event_of_its_own_that_goes_with_the_plate() -> None:
    judge = new_judge("plates", 1, {}, matcher=INDEX.match)
    told = tell(judge, ["RK605AX"] * 3) + judge.finish()
    plate, hit = ([e for e in told if e.kind == kind][-1] for kind in ("plate", "plate_hit"))
    assert (hit.id != plate.id, hit.text, hit.box, hit.best) == (True, "RK605AX", HERE, plate.best)
    assert (hit.started_at, hit.ended_at) == (plate.started_at, plate.ended_at)
    assert hit.details == {
        "plate_event": plate.id,
        "list_id": 3,
        "list": "banned",
        "list_kind": "deny",
        "entry_id": 4,
        "matched_plate": "RK-605-AC",
        "owner": "",
        "note": "",
        "distance": 1,
    }


def test_a_hit_of_a_text_that_is_corrected_is_withdrawn_also_after_a_restart() -> None:
    judge = new_judge("plates", 1, {}, matcher=INDEX.match)
    first = [e for e in tell(judge, ["BA738DE"] * 2) if e.kind == "plate_hit"]
    judge = restore_judge("plates", 1, {}, judge.state(), matcher=INDEX.match)
    later = [e for e in tell(judge, ["BA788XE"] * 6, AT + 1) if e.kind == "plate_hit"]
    assert {e.id for e in first} == {e.id for e in later}
    assert first[-1].ended_at is None
    assert later[-1].ended_at is not None
    assert later[-1].details == {"plate_event": later[-1].details["plate_event"], "list_id": 2, "withdrawn": True}


def test_regions_put_the_text_right_before_it_is_matched() -> None:
    asked: list[str] = []

    def matcher(text: str, _: float) -> list[PlateHit]:
        asked.append(text)
        return []

    judge = new_judge("plates", 1, {"regions": ["SK"]}, matcher=matcher)
    (event,) = tell(judge, ["RK708A1"] * 2)
    assert event.text == "RK708AI"
    assert asked == ["RK708AI"]
