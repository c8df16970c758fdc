"""`camrec recordings`: what is recorded."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from app.cli.progress import shown_progress
from core.settings import load_settings
from storage.database import Database
from storage.recordings_check import check_recordings
from storage.segments import SegmentStore


@click.group()
def recordings() -> None:
    """Recordings on this machine."""


@recordings.command()
@click.option("--repair", is_flag=True, help="Mend what can be; no recording is deleted.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each finding.")
def check(*, repair: bool, as_json: bool) -> None:
    """Compare the files of recordings with their index, both ways, reading every file. Exit status 1: something is
    wrong and was not repaired. May run beside `camrec up`."""
    settings = load_settings()
    database = Database(settings)
    database.migrate()
    store = SegmentStore(database)
    unrepaired = total = 0
    with shown_progress() as progress:
        for finding in check_recordings(settings.media_dir, store, settings.node, repairs=repair, progress=progress):
            total += 1
            unrepaired += not finding.is_repaired
            if as_json:
                click.echo(json.dumps(asdict(finding)))
            else:
                outcome = "repaired" if finding.is_repaired else finding.fault.value
                click.echo(f"{finding.path}: {outcome}: {finding.message}")
    database.close()
    if not as_json:
        click.echo(f"{total} findings, {unrepaired} of them not repaired." if total else "All recordings are indexed.")
    if unrepaired:
        raise SystemExit(1)
