"""Lists of plates on both databases."""

from __future__ import annotations

import pytest

from core.plates import PlateListEntry
from storage.database import Database
from storage.plate_lists import (
    BadPlateEntryError,
    Imported,
    PlateListExistsError,
    PlateListNotFoundError,
    PlateListStore,
)
from tasks.plate_lists import CurrentPlateLists


@pytest.fixture
def store(database: Database) -> PlateListStore:
    return PlateListStore(database)


def test_lists_and_entries_come_back_as_they_went_in(store: PlateListStore) -> None:
    staff = store.add("staff", "allow", 0)
    entry = store.add_entry(staff.id, {"plate": "rk-605 ab", "owner": "Anna", "valid_until": 2e9})
    assert entry == PlateListEntry(entry.id, staff.id, "rk-605 ab", owner="Anna", valid_until=2e9)
    assert store.read() == ([staff], [entry])
    assert store.all() == [staff] == [store.get(staff.id)]


def test_what_cannot_be_is_refused_and_changes_nothing(store: PlateListStore) -> None:
    staff = store.add("staff", "allow", 0)
    entry = store.add_entry(staff.id, {"plate": "RK605AB"})
    before = store.read(), store.versions()
    with pytest.raises(PlateListExistsError, match="'staff' already"):
        store.add("staff", "deny", 1)
    with pytest.raises(PlateListExistsError, match="rk-605-ab is on this list already"):
        store.add_entry(staff.id, {"plate": "rk-605-ab"})
    with pytest.raises(BadPlateEntryError, match="never be valid"):
        store.change_entry(staff.id, entry.id, {"valid_from": 2.0, "valid_until": 1.0})
    with pytest.raises(BadPlateEntryError, match="letters or digits"):
        store.import_entries(staff.id, [{"plate": "GOOD1"}, {"plate": "--"}], replace=True)
    with pytest.raises(PlateListNotFoundError):
        store.remove_entry(staff.id + 1, entry.id)
    assert (store.read(), store.versions()) == before


def test_import_adds_changes_and_removes(store: PlateListStore) -> None:
    staff = store.add("staff", "allow", 0)
    store.import_entries(staff.id, [{"plate": "AA111"}, {"plate": "BB222"}], replace=False)
    rows = [{"plate": "BB 222", "owner": "two"}, {"plate": "CC333"}, {"plate": "cc 333"}]
    assert store.import_entries(staff.id, rows, replace=True) == Imported(added=1, changed=1, removed=1)
    assert [(e.plate, e.owner, e.note) for e in store.entries(staff.id)] == [("BB 222", "two", ""), ("cc 333", "", "")]


def test_removing_a_list_removes_its_entries(store: PlateListStore) -> None:
    staff, guests = store.add("staff", "allow", 0), store.add("guests", "watch", 1)
    for plate_list in (staff, guests):
        store.add_entry(plate_list.id, {"plate": "RK605AB"})
    store.remove(staff.id)
    lists, entries = store.read()
    assert lists == [guests]
    assert [entry.list_id for entry in entries] == [guests.id]


def test_the_judgement_sees_changes_at_its_next_refresh(store: PlateListStore) -> None:
    current = CurrentPlateLists(store)
    assert current("RK605AB", 1.0) == []
    wanted = store.add("wanted", "watch", 1)
    entry = store.add_entry(wanted.id, {"plate": "RK605AB"})
    assert current("RK605AB", 1.0) == []
    current.refresh()
    assert [(hit.plate_list, hit.entry) for hit in current("RK6O5AB", 1.0)] == [(wanted, entry)]
    store.remove(wanted.id)
    current.refresh()
    assert current("RK605AB", 1.0) == []
