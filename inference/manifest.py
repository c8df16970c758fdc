"""What is known of a model: the rows of `catalogue.yaml` and of `models.d/*.yaml`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError

from core.errors import CamrecError

Resize = Literal["letterbox", "letterbox_top_left", "stretch", "height"]
"""Keep the aspect and pad around, keep it and pad right and below, do not keep it, or keep it at a fixed height."""

Colour = Literal["RGB", "BGR"]

Layout = Literal["NCHW", "NHWC", "NCTHW", "NTCHW", "NRD"]
"""Order of the input's dimensions: batch, channels, height, width; T: the frames of a clip. R rows of D numbers are no
pictures, but computed from them."""


class ManifestError(CamrecError):
    """A model is not described as it must be."""


@dataclass(frozen=True, slots=True)
class ModelInput:
    """What a model takes: ``(value - mean) * scale`` of each channel."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    shape: tuple[int | None, ...]
    """Of the graph, in the order of `layout`; None where any size goes."""
    resize: Resize
    colour: Colour
    mean: float | tuple[float, ...]
    """Of all channels, or of each in the order of `colour`."""
    scale: float | tuple[float, ...]
    layout: Layout = "NCHW"
    pad: int = 114
    """Grey value around a letterboxed picture."""

    @property
    def size(self) -> tuple[int | None, int | None]:
        """Width and height in pixels."""
        return self.shape[self.layout.index("W")], self.shape[self.layout.index("H")]

    @property
    def values(self) -> tuple[float, float]:
        """What black and white pixels become; of channels that differ, the least and the largest."""
        means, scales = np.atleast_1d(self.mean), np.atleast_1d(self.scale)
        ends = np.concatenate([-means * scales, (255 - means) * scales])
        return float(ends.min()), float(ends.max())


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    file: str
    """In the models folder, or in the package that brings it."""
    task: str
    decoder: str
    input: ModelInput
    output: tuple[int | None, ...]
    """Shape of the first output; None where any size goes."""
    licence: str
    size_bytes: int
    sha256: str
    good_for: str
    labels: tuple[str, ...] = ()
    url: str | None = None
    """Pinned to a commit; None for what a package brings and for conversions, which only a mirror has."""
    package: str | None = None
    default: bool = False
    """Whether it belongs to the set that is pulled when no names are given."""
    own: bool = False
    """Whether it is the user's, added with `camrec models add`."""

    @property
    def source(self) -> str:
        """Where it comes from, for people."""
        if self.own:
            return "added on this machine"
        if self.package is not None:
            return "comes with camrec" if self.package == "inference" else f"Python package {self.package}"
        return self.url or "no public address: `camrec models pull --from DIR`"


_ROW = TypeAdapter(ModelEntry)


def entry_from(row: Any, where: str) -> ModelEntry:
    """A checked row.

    Args:
        row: plain values, as YAML gives them.
        where: the file, for the error.

    Raises:
        ManifestError: a field is missing, unknown or of the wrong kind; the text names it.
    """
    try:
        entry = _ROW.validate_python(row)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'row'}: {e['msg']}" for e in error.errors())
        raise ManifestError(f"{where} does not describe a model: {faults}.") from None
    if len(entry.input.shape) != len(entry.input.layout):
        raise ManifestError(
            f"{where} does not describe a model: input.shape has {len(entry.input.shape)} sizes, its layout "
            f"{entry.input.layout} {len(entry.input.layout)}."
        )
    return entry


def row_of(entry: ModelEntry) -> dict[str, Any]:
    """The inverse of `entry_from`: plain values for YAML."""
    plain: dict[str, Any] = _ROW.dump_python(entry, mode="json", exclude_defaults=True)
    return plain
