"""ONNX files of one operation, written by hand: models of any shape without the onnx package.

Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_FLOAT = 1


def write_identity(path: Path, shape: Sequence[int | str]) -> Path:
    """A model ``y = x`` on float32 of this shape; a string names a free size."""
    node = _text(1, "x") + _text(2, "y") + _text(4, "Identity")
    graph = _message(1, node) + _text(2, "g") + _message(11, _value("x", shape)) + _message(12, _value("y", shape))
    opset = _text(1, "") + _number(2, 13)
    path.write_bytes(_number(1, 8) + _message(7, graph) + _message(8, opset))
    return path


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    sizes = b"".join(_message(1, _text(2, size) if isinstance(size, str) else _number(1, size)) for size in shape)
    return _text(1, name) + _message(2, _message(1, _number(1, _FLOAT) + _message(2, sizes)))


def _varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode())
