"""``camrec reid``: search persons in a folder of pictures, and calibrate when two sightings are of one person."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click
import numpy as np

from app.cli.media_files import UnreadableFileError, is_picture
from app.picture_gallery import PictureGallery, embeddings_in, labelled
from core.embedding import Embedding, Vector
from core.settings import get_settings
from inference.catalogue import ModelStore
from inference.gpu import gpu_of
from inference.recognisers.reid import ReidRecogniser, build_reid_recogniser
from reid.calibration import Calibration, calibrate, histogram, pairs
from storage.database import Database
from storage.gallery import GalleryStore
from storage.identities import IdentityStore

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
def reid() -> None:
    """Search persons in a folder of pictures, and calibrate the site's thresholds."""


@reid.command()
@click.argument("query", metavar="QUERY_IMAGE", type=click.Path(path_type=Path))
@click.option("--gallery", "folder", required=True, type=_FOLDER, help="Folder of pictures to search in.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def search(query: Path, folder: Path, as_json: bool) -> None:
    """Order the pictures of a folder by how much a person in them looks like one in QUERY_IMAGE, best first.

    A picture wider than a person is taken for a scene, and the persons in it are found first. The folder's pictures are
    looked at once and remembered in the data folder.
    """
    recogniser = _recogniser()
    asked = embeddings_in(query, recogniser)
    pictures = PictureGallery(folder, recogniser, get_settings().data / "cache" / "reid").pictures()
    scored = [(round(_most_alike(asked, p.persons), 4), str(p.path)) for p in pictures]
    found = [{"path": path, "score": score} for score, path in sorted(scored, key=lambda one: (-one[0], one[1]))]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for one in found:
        click.echo(f"{one['score']:.3f}  {one['path']}")


@reid.command("calibrate")
@click.argument("folder", required=False, type=_FOLDER)
@click.option("--dry-run", is_flag=True, help="Show the thresholds, and keep those that are in use.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def calibrate_command(folder: Path | None, dry_run: bool, as_json: bool) -> None:
    """Find out from which similarity on two sightings are of one person, on this site.

    FOLDER holds pictures of persons: a sub-folder for each, or files PERSON_….jpg. Without it, the named identities of
    the gallery are taken: somebody has vouched for them.
    """
    database = Database(get_settings())
    try:
        database.migrate()
        gallery = GalleryStore(database)
        recogniser = _recogniser()
        people = _of_folder(folder, recogniser) if folder else _of_gallery(database, recogniser.embedding_model)
        vectors = np.stack([e.vector for _, e in people]) if people else np.zeros((0, 1), np.float32)
        found = calibrate(*pairs(vectors, [person for person, _ in people]))
        if not dry_run:
            gallery.set_thresholds(recogniser.embedding_model, found.thresholds)
    finally:
        database.close()
    _show(found, recogniser.embedding_model, as_json, is_kept=not dry_run)


def _recogniser() -> ReidRecogniser:
    settings = get_settings()
    threads = len(os.sched_getaffinity(0))
    return build_reid_recogniser(ModelStore(settings.models_dir), gpu=gpu_of(settings), threads=threads)


def _most_alike(asked: tuple[Embedding, ...], persons: tuple[Embedding, ...]) -> float:
    return max(float(a.vector @ b.vector) for a in asked for b in persons)


def _of_folder(folder: Path, recogniser: ReidRecogniser) -> list[tuple[str, Embedding]]:
    people = []
    for person, path in labelled(folder):
        try:
            if is_picture(path):
                people.append((person, embeddings_in(path, recogniser)[0]))
        except UnreadableFileError as error:
            click.echo(f"{path} left out: {error}", err=True)
    return people


def _of_gallery(database: Database, model: str) -> list[tuple[str, Embedding]]:
    names = IdentityStore(database).names()
    sightings = [sighting for _, sighting in GalleryStore(database).changed_since(model, 0.0)]
    return [(s.identity_id, s.embedding) for s in sightings if s.identity_id in names]


def _show(found: Calibration, model: str, as_json: bool, is_kept: bool) -> None:
    summary: dict[str, Any] = {
        "model": model,
        "similarity": found.thresholds.similarity,
        "margin": found.thresholds.margin,
        "pairs_same": len(found.same),
        "pairs_different": len(found.different),
        "found": round(found.found, 4),
        "confused": round(found.confused, 4),
        "kept": is_kept,
    }
    if as_json:
        click.echo(json.dumps(summary))
        return
    _show_distribution("pairs of one person", found.same)
    _show_distribution("pairs of two persons", found.different)
    click.echo(
        f"{model}: similarity {found.thresholds.similarity}, margin {found.thresholds.margin}; "
        f"{found.found:.1%} of the pairs of one person pass, {found.confused:.2%} of those of two"
        + ("" if is_kept else " (not kept)")
    )


def _show_distribution(title: str, values: Vector) -> None:
    click.echo(f"{len(values)} {title}, mean {values.mean():.2f}")
    for line in histogram(values):
        click.echo(line)
