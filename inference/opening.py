"""The one way from a manifest entry to a session."""

from __future__ import annotations

from collections.abc import Collection

from inference.catalogue import ModelStore, UnfitModelError
from inference.gpu import Gpu
from inference.manifest import ModelEntry
from inference.session import ModelSession, open_session


def open_model(
    store: ModelStore, entry: ModelEntry, decoders: Collection[str], *, gpu: Gpu | None, threads: int
) -> ModelSession:
    """Load a model that is to be read by one of these decoders.

    Raises:
        UnfitModelError: it has another decoder.
        MissingModelError: it is not on this machine; the text holds the command that brings it.
        ModelError: it is broken or not of the shapes that the manifest says.
        DeviceError: the GPU cannot be used.
    """
    if entry.decoder not in decoders:
        raise UnfitModelError(
            f"Model {entry.name} cannot be used for this: its decoder is {entry.decoder}, expected one of "
            f"{', '.join(decoders)}."
        )
    path = store.path_of(entry.name)
    return open_session(
        path,
        gpu=gpu,
        threads=threads,
        input_shape=entry.input.shape,
        output_shape=entry.output,
        values=entry.input.values,
    )
