"""The decoders of detectors by name, as the manifest knows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from inference.decoders import detr, end_to_end, faces, fastestdet, nanodet, yolov5, yolov8, yolox
from inference.decoders.boxes import Boxes
from inference.images import FloatArray


@dataclass(frozen=True, slots=True)
class DetectionDecoder:
    """How boxes are read off the outputs of one kind of detector."""

    decode: Callable[[Sequence[FloatArray], tuple[int, int], float], Boxes]
    """One picture's outputs, width and height of the input, and the least score, to boxes in input pixels.

    Raises ValueError where the outputs are not of its layout.
    """
    overlaps: bool = True
    """Whether an object may be found several times."""
    may_lack_batch: bool = False
    """Whether there are exports whose outputs have no dimension for the batch; they take one picture at a time."""


DETECTORS: dict[str, DetectionDecoder] = {
    "yolox": DetectionDecoder(yolox.decode),
    "yolov5": DetectionDecoder(yolov5.decode),
    "yolov8": DetectionDecoder(yolov8.decode),
    "yolov8_pose": DetectionDecoder(yolov8.decode_pose),
    "end_to_end": DetectionDecoder(end_to_end.decode, overlaps=False),
    "nanodet": DetectionDecoder(nanodet.decode),
    "fastestdet": DetectionDecoder(fastestdet.decode),
    "detr": DetectionDecoder(detr.decode, overlaps=False),
    "detr_softmax": DetectionDecoder(detr.decode_softmax, overlaps=False),
    "detr_boxes": DetectionDecoder(detr.decode_boxes, overlaps=False),
    "scrfd": DetectionDecoder(faces.decode_scrfd, may_lack_batch=True),
    "yunet": DetectionDecoder(faces.decode_yunet),
}
