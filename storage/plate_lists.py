"""Lists of plates in the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.errors import CamrecError
from core.plates import LIST_KINDS, ListKind, PlateList, PlateListEntry, normalise
from storage.database import Database
from storage.models import PlateListEntryRow, PlateListRow

MAX_PLATE_LENGTH = 32
MIN_PLATE_CHARACTERS = 2
_ENTRY_FIELDS = ("plate", "owner", "note", "valid_from", "valid_until")


class PlateListNotFoundError(CamrecError):
    """There is no such list, or no such entry on it."""


class PlateListExistsError(CamrecError):
    """The name of a list is taken, or a plate is on the list already."""


class BadPlateEntryError(CamrecError):
    """An entry is no plate, or is never valid."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    added: int
    changed: int
    removed: int


class PlateListStore:
    """Lists and their entries in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def versions(self) -> dict[int, int]:
        """List → a number that grows with every change of it or its entries."""
        with self._database.read() as session:
            return {row.id: row.version for row in session.execute(select(PlateListRow.id, PlateListRow.version))}

    def all(self) -> list[PlateList]:
        """Every list, by name."""
        with self._database.read() as session:
            return [_list(row) for row in session.scalars(select(PlateListRow).order_by(PlateListRow.name))]

    def get(self, list_id: int) -> PlateList:
        """One list.

        Raises:
            PlateListNotFoundError: there is none of that id.
        """
        with self._database.read() as session:
            return _list(_list_row(session, list_id))

    def add(self, name: str, kind: ListKind, max_distance: int) -> PlateList:
        """Add an empty list.

        Raises:
            PlateListExistsError: the name is taken.
        """
        with self._database.write() as session, _one_of_each(f"There is a list {name!r} already."):
            row = PlateListRow(name=name, kind=kind, max_distance=max_distance, version=1)
            session.add(row)
            session.flush()
            return _list(row)

    def change(self, list_id: int, **fields: Any) -> PlateList:
        """Set some of ``name``, ``kind`` and ``max_distance``.

        Raises:
            PlateListNotFoundError: there is none of that id.
            PlateListExistsError: the name is taken.
        """
        with self._database.write() as session, _one_of_each(f"There is a list {fields.get('name')!r} already."):
            row = _list_row(session, list_id)
            _set(row, fields)
            row.version += 1
            session.flush()
            return _list(row)

    def remove(self, list_id: int) -> None:
        """Remove a list with its entries. Hits that were told stay.

        Raises:
            PlateListNotFoundError: there is none of that id.
        """
        with self._database.write() as session:
            session.delete(_list_row(session, list_id))

    def read(self) -> tuple[list[PlateList], list[PlateListEntry]]:
        """All lists, and all of their entries."""
        with self._database.read() as session:
            lists = [_list(row) for row in session.scalars(select(PlateListRow).order_by(PlateListRow.id))]
            known = PlateListEntryRow.list_id.in_([plate_list.id for plate_list in lists])
            rows = session.scalars(select(PlateListEntryRow).where(known).order_by(PlateListEntryRow.id))
            return lists, [_entry(row) for row in rows]

    def entries(
        self, list_id: int, *, text: str = "", after_id: int = 0, limit: int | None = None
    ) -> list[PlateListEntry]:
        """Entries of a list in the order in which they were added.

        Args:
            list_id: of the list.
            text: part of the plate, in any case, dashes and blanks or not.
            after_id: the entry before the first one.
            limit: at most so many.

        Raises:
            PlateListNotFoundError: there is no such list.
        """
        query = (
            select(PlateListEntryRow)
            .where(PlateListEntryRow.list_id == list_id, PlateListEntryRow.id > after_id)
            .where(PlateListEntryRow.text.contains(normalise(text), autoescape=True))
            .order_by(PlateListEntryRow.id)
            .limit(limit)
        )
        with self._database.read() as session:
            _list_row(session, list_id)
            return [_entry(row) for row in session.scalars(query)]

    def add_entry(self, list_id: int, fields: dict[str, Any]) -> PlateListEntry:
        """Put a plate on a list; ``fields`` as in `PlateListEntry`.

        Raises:
            BadPlateEntryError, PlateListNotFoundError
            PlateListExistsError: the plate is on it already.
        """
        with self._database.write() as session, _one_of_each(f"{fields.get('plate')} is on this list already."):
            _list_row(session, list_id).version += 1
            row = _filled(PlateListEntryRow(list_id=list_id, owner="", note=""), fields)
            session.add(row)
            session.flush()
            return _entry(row)

    def change_entry(self, list_id: int, entry_id: int, fields: dict[str, Any]) -> PlateListEntry:
        """Set some fields of an entry; raises as `add_entry`."""
        with self._database.write() as session, _one_of_each(f"{fields.get('plate')} is on this list already."):
            row = _entry_row(session, list_id, entry_id)
            _list_row(session, list_id).version += 1
            _filled(row, fields)
            session.flush()
            return _entry(row)

    def remove_entry(self, list_id: int, entry_id: int) -> None:
        """Take a plate off a list.

        Raises:
            PlateListNotFoundError: there is no such entry.
        """
        with self._database.write() as session:
            session.delete(_entry_row(session, list_id, entry_id))
            _list_row(session, list_id).version += 1

    def import_entries(self, list_id: int, entries: Iterable[dict[str, Any]], *, replace: bool) -> Imported:
        """Add many plates, or change those that are on the list already. All or nothing.

        Args:
            list_id: of the list.
            entries: fields as in `PlateListEntry`; of a plate that comes twice the last counts.
            replace: whether plates that are not among them are taken off the list.

        Raises:
            BadPlateEntryError, PlateListNotFoundError
        """
        wanted = {normalise(fields["plate"]): fields for fields in entries}
        with self._database.write() as session:
            _list_row(session, list_id).version += 1
            of_list = PlateListEntryRow.list_id == list_id
            known = {row.text: row for row in session.scalars(select(PlateListEntryRow).where(of_list))}
            surplus = [row.id for text, row in known.items() if text not in wanted] if replace else []
            session.execute(delete(PlateListEntryRow).where(of_list, PlateListEntryRow.id.in_(surplus)))
            for text, fields in wanted.items():
                session.add(_filled(known.get(text) or PlateListEntryRow(list_id=list_id, owner="", note=""), fields))
        changed = len(known.keys() & wanted.keys())
        return Imported(len(wanted) - changed, changed, len(surplus))


@contextmanager
def _one_of_each(message: str) -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise PlateListExistsError(message) from None


def _list_row(session: Session, list_id: int) -> PlateListRow:
    row = session.get(PlateListRow, list_id)
    if row is None:
        raise PlateListNotFoundError(f"There is no list of plates {list_id}.")
    return row


def _entry_row(session: Session, list_id: int, entry_id: int) -> PlateListEntryRow:
    row = session.get(PlateListEntryRow, entry_id)
    if row is None or row.list_id != list_id:
        raise PlateListNotFoundError(f"There is no entry {entry_id} on the list of plates {list_id}.")
    return row


def _set(row: PlateListRow | PlateListEntryRow, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        setattr(row, name, value)


def _filled(row: PlateListEntryRow, fields: dict[str, Any]) -> PlateListEntryRow:
    _set(row, {name: value for name, value in fields.items() if name in _ENTRY_FIELDS})
    row.text = normalise(row.plate)
    if len(row.text) < MIN_PLATE_CHARACTERS or len(row.plate) > MAX_PLATE_LENGTH:
        raise BadPlateEntryError(
            f"A plate has at least {MIN_PLATE_CHARACTERS} letters or digits and at most {MAX_PLATE_LENGTH} characters; "
            f"got {row.plate!r}."
        )
    if row.valid_from is not None and row.valid_until is not None and row.valid_until <= row.valid_from:
        raise BadPlateEntryError(f"{row.plate} would never be valid: valid_until is not after valid_from.")
    return row


def _list(row: PlateListRow) -> PlateList:
    kind: ListKind = next(kind for kind in LIST_KINDS if kind == row.kind)
    return PlateList(row.id, row.name, kind, row.max_distance)


def _entry(row: PlateListEntryRow) -> PlateListEntry:
    return PlateListEntry(row.id, row.list_id, **{name: getattr(row, name) for name in _ENTRY_FIELDS})
