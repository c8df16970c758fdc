"""The command line ``camrec``. Exit status: 0 success, 1 failure, 2 bad usage, 130 interrupted."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from core.allocator import share_arenas
from core.errors import CamrecError
from core.redact import redact

INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""

COMMANDS = {
    "up": ("app.cli.up:up", "Run everything on this machine."),
    "demo": ("app.cli.demo:demo", "Run everything, with cameras that show a generated street."),
    "api": ("app.cli.api:api", "Run the REST API alone."),
    "capture": ("app.cli.capture:capture", "Run capture alone."),
    "media": ("app.cli.media:media", "Serve this machine's media to the other machines."),
    "worker": ("app.cli.worker:worker", "Run one worker."),
    "beat": ("app.cli.worker:beat", "Run the scheduler of regular jobs alone."),
    "alive": ("app.cli.alive:alive", "Say whether capture or a worker of this machine lives."),
    "cameras": ("app.cli.cameras:cameras", "Add, list, remove and import cameras."),
    "nodes": ("app.cli.nodes:nodes", "See which machines hold media; forget one that is gone, or adopt its files."),
    "recordings": ("app.cli.recordings:recordings", "Compare recordings with their index."),
    "users": ("app.cli.users:users", "Say who may log in."),
    "models": ("app.cli.models:models", "See which models are there, and fetch others."),
    "recognise": ("app.cli.recognise:recognise", "Run a recognition over pictures or videos, with no server."),
    "reid": ("app.cli.reid:reid", "Search persons in a folder of pictures, and calibrate the site's thresholds."),
    "clips": ("app.cli.clips:clips", "Check that clips are genuine."),
    "backup": ("app.cli.backup:backup", "Write a backup, while the system runs."),
    "restore": ("app.cli.backup:restore", "Restore a backup into an empty data folder."),
    "serve-rtsp": ("app.cli.serve_rtsp:serve_rtsp", "Play video files as RTSP cameras."),
}
"""Name → (module:attribute, summary). Imported when named: no command waits for the libraries of another."""


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CamrecError as error:
            raise click.ClickException(redact(str(error))) from error
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="camrec", prog_name="camrec")
def main() -> None:
    """Watch many cameras at once and say what happens on them.

    Settings are environment variables CAMREC_* or a file .env in the current folder.
    """
    share_arenas()
