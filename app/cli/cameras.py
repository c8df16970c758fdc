"""``camrec cameras``: what is watched."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import click
import marshmallow as ma
import redis

from app.api.cameras.schemas import CameraSchema, RecognitionSchema
from app.camera_fields import camera_recognition, check_model_choices
from app.camera_import.check import Fault, check_entries, field_faults
from app.camera_import.files import Entry, parse_recognition
from app.camera_import.sources import DEFAULT_QUERY, FORMATS, STDIN, read_entries
from app.cli.services import REDIS_TIMEOUT_S, Services, find_camera, open_services
from app.cli.tables import print_table
from core import keys
from core.errors import CamrecError, UnavailableError
from core.redis_client import connect_redis
from storage.camera import RECORDING_MODES, Camera, CameraRecognition
from storage.media_removals import remove_files

FAULTS_SHOWN = 50
PURGED = "recordings, clips, events with their pictures, kept frames and sightings"


class _Recognition(click.ParamType[CameraRecognition]):
    name = "KIND[:FPS]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> CameraRecognition:
        content = parse_recognition(value)
        try:
            return camera_recognition(RecognitionSchema().load(content))
        except ma.ValidationError as error:
            faults = field_faults(error.messages, content, "recognitions")
            self.fail(" ".join(message for _, message in faults), param, ctx)


def _kinds_once(
    _context: click.Context, _parameter: click.Parameter, recognitions: tuple[CameraRecognition, ...]
) -> tuple[CameraRecognition, ...]:
    if len({r.kind for r in recognitions}) < len(recognitions):
        raise click.BadParameter("each kind may be given once")
    return recognitions


_recognise = click.option(
    "--recognise",
    "recognitions",
    multiple=True,
    type=_Recognition(),
    callback=_kinds_once,
    help="Recognition to run, e.g. plates:5; may be given again with another kind.",
)


@click.group()
def cameras() -> None:
    """What is watched. A running `camrec up` or `camrec capture` takes changes up by itself."""


@cameras.command()
@click.argument("name")
@click.argument("url")
@click.option("--id", "camera_id", type=int, help="Its id; without, the next free one.")
@click.option("--detect-url", help="A stream of lower resolution that is analysed instead; - for standard input.")
@_recognise
@click.option("--disabled", is_flag=True, help="Do not watch it yet.")
@click.option("--no-tls-verify", is_flag=True, help="Take any certificate of the camera.")
@click.option("--no-motion-gate", is_flag=True, help="Recognise at the full rate while nothing moves, too.")
@click.option("--keep-fps", type=float, help="Frames a second kept on disk; without, CAMREC_KEEP_FPS.")
@click.option("--record", type=click.Choice(RECORDING_MODES), help="When it is recorded; without, around events.")
def add(
    *,
    name: str,
    url: str,
    camera_id: int | None,
    detect_url: str | None,
    recognitions: tuple[CameraRecognition, ...],
    disabled: bool,
    no_tls_verify: bool,
    no_motion_gate: bool,
    keep_fps: float | None,
    record: str | None,
) -> None:
    """Add a camera. `ps` shows URL with its password to every user of this machine: with - it is read from standard
    input (the first line; the second is a --detect-url of -)."""
    given = {"id": camera_id, "name": name, "url": _from_stdin(url), "detect_url": _from_stdin(detect_url)}
    options = {
        "enabled": not disabled,
        "tls_verify": not no_tls_verify,
        "motion_gate": not no_motion_gate,
        "keep_fps": keep_fps,
    }
    content: dict[str, Any] = {k: v for k, v in {**given, **options}.items() if v is not None}
    content["recognitions"] = [asdict(r) for r in recognitions]
    if record is not None:
        content["recording"] = {"mode": record}
    with open_services() as services:
        checked, faults = check_entries([Entry("", content)], [], allow_files=services.settings.allow_files)
        if faults:
            raise click.UsageError("\n".join(str(fault) for fault in faults))
        check_model_choices(checked[0].recognitions, services.settings.models_dir)
        stored = services.cameras.add(checked[0])
        services.announce(stored.id)
    click.echo(f"Added camera {stored.id} {stored.name}.")


@cameras.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, as the REST API has it, with state.")
def list_(as_json: bool) -> None:
    """List the cameras. The state is there while Redis and capture run."""
    with open_services() as services:
        found = services.cameras.all()
        said = _said(services, found)
    if as_json:
        items = [{**CameraSchema().dump(c), **dict.fromkeys(("state", "node")), **said.get(c.id, {})} for c in found]
        click.echo(json.dumps(items, ensure_ascii=False))
        return
    print_table(
        ("Id", "Name", "URL", "Enabled", "Recognitions", "State", "Node"),
        (
            (
                c.id,
                c.name,
                c.url_shown,
                "yes" if c.enabled else "no",
                ", ".join(f"{r.kind}:{r.fps:g}" for r in c.recognitions),
                said.get(c.id, {}).get("state", ""),
                said.get(c.id, {}).get("node", ""),
            )
            for c in found
        ),
    )
    for camera in found:
        if camera.fault is not None:
            click.echo(f"Camera {camera.id} {camera.name}: {camera.fault}", err=True)


@cameras.command()
@click.argument("camera", metavar="ID|NAME")
@click.option(
    "--purge",
    is_flag=True,
    help=f"Remove its {PURGED}, too; without it they stay until retention.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(camera: str, purge: bool, yes: bool) -> None:
    """Remove a camera."""
    with open_services() as services:
        found = find_camera(services, camera)
        if not yes:
            all_of_it = f" with its {PURGED}" if purge else ""
            click.confirm(f"Remove camera {found.id} {found.name}{all_of_it}?", abort=True)
        files = services.cameras.remove(found.id, purge)
        services.announce_removal(found.id)
        gone = remove_files(services.database, services.media, services.settings.node, files)
        if gone < len(files):
            click.echo(
                f"{len(files) - gone} of its files below {services.settings.media_dir} cannot be deleted now, which is "
                "tried again while camrec runs.",
                err=True,
            )
    click.echo(f"Removed camera {found.id} {found.name}.")


@cameras.command()
@click.argument("camera", metavar="ID|NAME")
def enable(camera: str) -> None:
    """Watch a camera."""
    _set_enabled(camera, True)


@cameras.command()
@click.argument("camera", metavar="ID|NAME")
def disable(camera: str) -> None:
    """Stop watching a camera; it stays configured."""
    _set_enabled(camera, False)


@cameras.command("import")
@click.argument("source", metavar="FILE|URL")
@click.option("--format", "file_format", type=click.Choice(FORMATS), help="What SOURCE is; without, by its name.")
@click.option("--query", default=DEFAULT_QUERY, show_default=True, metavar="SQL", help="What to ask a database for.")
@_recognise
@click.option("--replace", "only", is_flag=True, help="Remove the cameras that are not in the list.")
@click.option("--dry-run", is_flag=True, help="Check and count, and store nothing.")
def import_(
    source: str,
    file_format: str | None,
    query: str,
    recognitions: tuple[CameraRecognition, ...],
    only: bool,
    dry_run: bool,
) -> None:
    """Add and change cameras from a CSV, JSON or YAML file, or from a database: all of them, or none if any is wrong.

    The source is a path, an http(s) URL, the SQLAlchemy URL of a database (postgresql://…), or - for standard input:
    a file, or with --format sql the database's URL on the first line. --recognise is for new cameras whose entry
    names no recognitions. See docs/cameras.md.
    """
    entries = read_entries(source, file_format, query)
    with open_services() as services:
        known = {c.id: c for c in services.cameras.all()}
        allow_files = services.settings.allow_files
        wanted, faults = check_entries(
            entries, [*known.values()], recognitions=recognitions, only=only, allow_files=allow_files
        )
        if faults:
            _show(faults)
            raise CamrecError(f"{len(faults)} fault{'s'[: len(faults) > 1]} in the list; nothing was stored.")
        for camera in wanted:
            check_model_choices(camera.recognitions, services.settings.models_dir)
        put = services.cameras.replace_all if only else services.cameras.merge
        stored = put(wanted, dry_run)
        if not dry_run:
            services.announce_removal("*")
    added = sum(c.id not in known for c in stored)
    unchanged = sum(c.id in known and known[c.id].version == c.version for c in stored)
    removed = len(known.keys() - {c.id for c in stored}) if only else 0
    click.echo(
        f"{added} added, {len(stored) - added - unchanged} changed, {unchanged} unchanged, {removed} removed"
        + (" (dry run: nothing was stored)" if dry_run else "")
    )


def _from_stdin(value: str | None) -> str | None:
    return sys.stdin.readline().strip() if value == STDIN else value


def _set_enabled(id_or_name: str, enabled: bool) -> None:
    with open_services() as services:
        camera_id = find_camera(services, id_or_name).id
        camera = services.cameras.edit(camera_id, lambda before: replace(before, enabled=enabled))
        services.announce(camera.id)
    click.echo(f"Camera {camera.id} {camera.name} is {'enabled' if enabled else 'disabled'}.")


def _show(faults: Sequence[Fault]) -> None:
    for fault in faults[:FAULTS_SHOWN]:
        click.echo(str(fault), err=True)
    if len(faults) > FAULTS_SHOWN:
        click.echo(f"… and {len(faults) - FAULTS_SHOWN} more", err=True)


def _said(services: Services, found: Sequence[Camera]) -> dict[int, dict[str, str]]:
    """State and node of each camera, as capture says; without Redis nothing but which are disabled."""
    known: dict[int, dict[str, str]] = {}
    with contextlib.suppress(redis.RedisError, UnavailableError):
        client = connect_redis(services.settings, REDIS_TIMEOUT_S)
        said = client.mget([keys.camera_status(c.id) for c in found]) if found else []
        for camera, raw in zip(found, said, strict=True):
            status = json.loads(raw) if raw else {}
            known[camera.id] = {name: str(status[name]) for name in ("state", "node") if status.get(name)}
    return known | {c.id: {**known.get(c.id, {}), "state": "disabled"} for c in found if not c.enabled}
