"""Whether a page of events takes longer when there are many: p95 of GET /events on a thousand to a million of them.

.venv/bin/python -m benchmarks.api_events [--rows 1000 100000 1000000]

The three databases are asked in turn, request by request, so that whatever else the machine does slows all alike.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import insert

from app.api.cursors import encode_cursor
from app.api.factory import create_app
from benchmarks.report import write_report
from core.settings import load_settings
from storage.database import Database
from storage.models import EventRow
from storage.users import UserStore

ROUNDS = 300
ROWS_AT_ONCE = 20_000
CAMERAS = 10
"""Few enough that each has a full page of events also among a thousand: pages of other lengths cannot be compared."""
PAGE = 50
NEWEST_S = 1_795_521_600.0
SPACING_S = 2.0
BUDGET = 1.5
PASSWORD = "benchmark password"  # noqa: S105 - of a database that is deleted at once

QUERIES = {
    "first page": "",
    "of a camera": "camera_id=7",
    "of a kind": "recognition=plates&kind=plate",
    "of a period": "from={earlier}&to={later}",
    "deep page": "cursor={deep}",
}


def rows(count: int) -> Iterator[dict[str, Any]]:
    """Plates of `CAMERAS` cameras, `SPACING_S` apart."""
    numbers = random.Random(1)  # noqa: S311 - not for secrets
    for number in range(count):
        at, camera_id = NEWEST_S - number * SPACING_S, numbers.randrange(1, CAMERAS + 1)
        yield {
            "id": str(uuid.UUID(int=numbers.getrandbits(128))),
            "camera_id": camera_id,
            "recognition": "plates",
            "kind": "plate",
            "started_at": at,
            "ended_at": at + 1,
            "score": 0.9,
            "text": f"B {numbers.randrange(10_000):04}",
            "box": [10.0, 20.0, 110.0, 60.0],
            "best": {"camera_id": camera_id, "seq": number, "captured_at": at, "width": 1280, "height": 720},
            "details": {},
            "snapshot": None,
            "epoch": 1,
            "changed_at": at + 1,
        }


def served(folder: Path, count: int) -> FlaskClient:
    """A client of an API whose database has that many events."""
    settings = load_settings({"CAMREC_DATA": str(folder), "CAMREC_FRAME_DIR": str(folder)}, env_file=folder / "no.env")
    database = Database(settings)
    database.migrate()
    UserStore(database).add("admin", PASSWORD, "admin")
    batch: list[dict[str, Any]] = []
    for row in rows(count):
        batch.append(row)
        if len(batch) == ROWS_AT_ONCE:
            _insert(database, batch)
            batch = []
    if batch:
        _insert(database, batch)
    database.close()
    client = create_app(settings).test_client()
    login = {"username": "admin", "password": PASSWORD}
    token = client.post("/api/v1/auth/token", json=login).get_json()["access_token"]
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


def _insert(database: Database, batch: list[dict[str, Any]]) -> None:
    with database.write() as session:
        session.execute(insert(EventRow), batch)


def query_of(template: str, count: int) -> str:
    """The query, its period and deep page in the middle of the events there are."""
    middle_s = NEWEST_S - count / 2 * SPACING_S
    return template.format(
        earlier=middle_s - 500, later=middle_s + 500, deep=encode_cursor((middle_s, str(uuid.UUID(int=0))))
    )


def duration_ms(client: FlaskClient, query: str) -> float:
    started_at = time.perf_counter()
    answer = client.get(f"/api/v1/events?limit={PAGE}&{query}")
    took_ms = (time.perf_counter() - started_at) * 1000
    assert answer.status_code == 200
    assert len(answer.get_json()["items"]) == PAGE
    return took_ms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 100_000, 1_000_000])
    counts = parser.parse_args().rows
    figures: dict[str, Any] = {"rounds": ROUNDS, "budget_ratio": BUDGET, "queries": {}}
    with tempfile.TemporaryDirectory() as folder:
        clients = {count: served(Path(folder, str(count)), count) for count in counts}
        for name, template in QUERIES.items():
            times: dict[int, list[float]] = {count: [] for count in counts}
            for _ in range(ROUNDS):
                for count, client in clients.items():
                    times[count].append(duration_ms(client, query_of(template, count)))
            p95 = {count: statistics.quantiles(values, n=20)[-1] for count, values in times.items()}
            figures["queries"][name] = {
                "p95_ms": {str(count): round(value, 2) for count, value in p95.items()},
                "ratio_to_least": {str(count): round(value / p95[counts[0]], 2) for count, value in p95.items()},
            }
    figures["worst_ratio"] = max(max(q["ratio_to_least"].values()) for q in figures["queries"].values())
    write_report("api_events", figures)


if __name__ == "__main__":
    main()
