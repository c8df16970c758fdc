"""``camrec worker`` and ``camrec beat``: Celery, set up for what it is to do."""

from __future__ import annotations

import os

import click

from core.errors import CamrecError
from core.settings import get_settings


@click.command()
@click.option("-Q", "--queues", required=True, help="Queues to consume, separated by commas: plates, events.0, jobs …")
@click.option(
    "--gpu", type=click.IntRange(min=0), help="Pin the models to this GPU; CAMREC_GPU by default, else the CPU."
)
@click.option(
    "-c", "--concurrency", type=click.IntRange(min=1), help="Tasks at once; chosen from the queues by itself."
)
@click.option("-n", "--name", help="Name of the worker; must be unique among those on one Redis.")
def worker(queues: str, gpu: int | None, concurrency: int | None, name: str | None) -> None:
    """Run one worker for frames, events or jobs.

    The same as `celery -A tasks worker -Q QUEUES`, with the pinned device, thread counts and quiet start-up.
    """
    if gpu is not None:
        os.environ["CAMREC_GPU"] = str(gpu)
    # One thread for each session: the batches of a worker run beside each other, not inside each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from tasks import app
    from tasks.worker_class import FRAMES, class_of

    try:
        kind = class_of(queues.split(",")).name
    except CamrecError as error:
        raise click.UsageError(str(error)) from None
    pinned = get_settings().gpu if kind == FRAMES else None
    device = "" if pinned is None else f"-gpu{pinned}"
    arguments = [
        "--quiet",
        "worker",
        "-Q",
        queues,
        "-n",
        name or f"{kind}{device}-{os.getpid()}@%h",
        "--loglevel",
        "INFO",
    ]
    # Without gossip and mingle: workers of ours have nothing to tell each other, and those steps fail on reconnects.
    arguments += ["--without-gossip", "--without-mingle"]
    if concurrency is not None:
        arguments += ["-c", str(concurrency)]
    app.worker_main(arguments)


@click.command()
def beat() -> None:
    """Run the scheduler of regular jobs. One of it is enough for an installation."""
    get_settings().run_dir.mkdir(parents=True, exist_ok=True)
    from tasks import app

    app.start(["--quiet", "beat", "--loglevel", "INFO", "--pidfile", ""])
