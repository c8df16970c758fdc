"""``camrec users``: who may log in."""

from __future__ import annotations

import json
import sys

import click

from app.cli.services import open_services
from app.cli.tables import print_table
from storage.users import ROLES, Role

_password_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input (its first line)."
)


@click.group()
def users() -> None:
    """Who may log in, and with which role."""


@users.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="viewer", show_default=True)
@_password_stdin
def add(name: str, role: Role, password_stdin: bool) -> None:
    """Add a user. The password is asked for, or comes on standard input; never as an argument, which `ps` shows."""
    password = _ask_password(password_stdin)
    with open_services() as services:
        user = services.users.add(name, password, role)
    click.echo(f"Added {user.role} {user.name}.")


@users.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def list_(as_json: bool) -> None:
    """List the users."""
    with open_services() as services:
        found = services.users.all()
    if as_json:
        click.echo(json.dumps([{"id": u.id, "name": u.name, "role": u.role} for u in found]))
        return
    print_table(("Name", "Role"), ((u.name, u.role) for u in found))


@users.command()
@click.argument("name")
@_password_stdin
def password(name: str, password_stdin: bool) -> None:
    """Set a user's password. Logins made with the old one end."""
    new = _ask_password(password_stdin)
    with open_services() as services:
        services.users.set_password(name, new)
    click.echo(f"{name} has a new password.")


@users.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str, yes: bool) -> None:
    """Remove a user."""
    if not yes:
        click.confirm(f"Remove user {name}?", abort=True)
    with open_services() as services:
        services.users.remove(name)
    click.echo(f"Removed {name}.")


def _ask_password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError("No terminal to ask for the password: give it with --password-stdin.")
    answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return answer
