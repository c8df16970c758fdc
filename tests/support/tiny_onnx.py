"""ONNX files of next to no operations, written by hand: models of any shape without the onnx package.

Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

_FLOAT, _INT64 = 1, 7
_TYPES: dict[type[np.generic], int] = {np.float32: _FLOAT, np.uint8: 2, np.float16: 10}


def write_identity(path: Path, shape: Sequence[int | str]) -> Path:
    """A model ``y = x`` on float32 of this shape; a string names a free size."""
    node = _text(1, "x") + _text(2, "y") + _text(4, "Identity")
    graph = _message(1, node) + _text(2, "g") + _message(11, _value("x", shape)) + _message(12, _value("y", shape))
    opset = _text(1, "") + _number(2, 13)
    path.write_bytes(_number(1, 8) + _message(7, graph) + _message(8, opset))
    return path


def write_constant(
    path: Path,
    shape: Sequence[int | str],
    outputs: Sequence[npt.NDArray[np.float32]],
    *,
    metadata: Mapping[str, str] | None = None,
    input_type: type[np.generic] = np.float32,
    takes_size: bool = False,
) -> Path:
    """A model that answers the same whatever it is given, in the layout of any exporter.

    ``takes_size``: it has a second input, int64 (batch, 2).
    """
    names = [f"out{i}" for i in range(len(outputs))]
    nodes = [_text(1, f"c{name}") + _text(2, name) + _text(4, "Identity") for name in names]
    values = [_tensor(f"c{name}", output) for name, output in zip(names, outputs, strict=True)]
    graph = b"".join(_message(1, node) for node in nodes) + _text(2, "g")
    graph += b"".join(_message(5, value) for value in values)
    graph += _message(11, _value("x", shape, _TYPES[input_type]))
    graph += b"".join(_message(12, _value(n, o.shape)) for n, o in zip(names, outputs, strict=True))
    if takes_size:
        graph += _message(11, _value("orig_target_sizes", [shape[0], 2], _INT64))
    properties = [_text(1, key) + _text(2, value) for key, value in (metadata or {}).items()]
    opset = _text(1, "") + _number(2, 13)
    model = _number(1, 8) + _message(7, graph) + _message(8, opset)
    path.write_bytes(model + b"".join(_message(14, one) for one in properties))
    return path


def _tensor(name: str, values: npt.NDArray[np.float32]) -> bytes:
    sizes = b"".join(_number(1, size) for size in values.shape)
    return sizes + _number(2, _FLOAT) + _text(8, name) + _message(9, values.astype("<f4").tobytes())


def _value(name: str, shape: Sequence[int | str], element: int = _FLOAT) -> bytes:
    sizes = b"".join(_message(1, _text(2, size) if isinstance(size, str) else _number(1, size)) for size in shape)
    return _text(1, name) + _message(2, _message(1, _number(1, element) + _message(2, sizes)))


def _varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode())
