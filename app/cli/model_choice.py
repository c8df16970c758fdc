"""``camrec models use``: which model does what, for all cameras or for one."""

from __future__ import annotations

from dataclasses import replace

import click

from app.cli.services import find_camera, open_services
from core.errors import CamrecError, UnavailableError
from core.settings import get_settings
from inference.catalogue import ModelStore
from inference.roles import ROLES, Role, role_of
from storage.camera import Camera


@click.command()
@click.argument("role", metavar="KIND.ROLE", required=False)
@click.argument("name", required=False)
@click.option("--default", "is_default", is_flag=True, help="Go back to the default model.")
@click.option("--camera", metavar="ID_OR_NAME", help="For this camera only; --default: what all others use.")
def use(role: str | None, name: str | None, is_default: bool, camera: str | None) -> None:
    """Choose the model that fills a role, e.g. `camrec models use falls.person my_detector`.

    Running workers of this machine exchange it within seconds and lose no frame; one that cannot load it keeps the old
    one. Without arguments: show the roles and what fills them.
    """
    store = ModelStore(get_settings().models_dir)
    if role is None:
        _show_roles(store)
        return
    wanted = role_of(role)
    if (name is None) != is_default:
        raise click.UsageError("Give the name of a model, or --default.")
    if camera is not None:
        _use_for_camera(store, wanted, name, camera)
        return
    store.choose(wanted, name)
    click.echo(f"{wanted.key}: {store.chosen(wanted.kind, wanted.name).name}")


def _show_roles(store: ModelStore) -> None:
    for known in ROLES.values():
        click.echo(f"{known.key}: {store.chosen(known.kind, known.name).name}")
    try:
        with open_services() as services:
            cameras = services.cameras.all()
    except UnavailableError as error:
        click.echo(f"Models of single cameras cannot be shown. {error}", err=True)
        return
    for camera in cameras:
        for recognition in camera.recognitions:
            for role, name in recognition.models.items():
                click.echo(f"{recognition.kind}.{role} of camera {camera.id} {camera.name}: {name}")


def _use_for_camera(store: ModelStore, role: Role, name: str | None, id_or_name: str) -> None:
    if name is not None:
        store.check_fit(role, name)
    with open_services() as services:
        camera = services.cameras.edit(
            find_camera(services, id_or_name).id, lambda before: _with_model(before, role, name)
        )
        services.announce(camera.id)
    click.echo(f"{role.key} of camera {camera.id} {camera.name}: {name or 'as all others'}")


def _with_model(camera: Camera, role: Role, name: str | None) -> Camera:
    if role.kind not in {r.kind for r in camera.recognitions}:
        raise CamrecError(f"Camera {camera.id} {camera.name} has no recognition {role.kind}.")
    recognitions = []
    for recognition in camera.recognitions:
        if recognition.kind == role.kind:
            others = {k: v for k, v in recognition.models.items() if k != role.name}
            models = others if name is None else {**others, role.name: name}
            recognitions.append(replace(recognition, models=models))
        else:
            recognitions.append(recognition)
    return replace(camera, recognitions=tuple(recognitions))
