"""``python -m benchmarks.baseline.worker REDIS_URL MODEL``: takes messages and calls the model with each frame."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime
import redis

SIDE = 416
LEAST_SCORE, MOST_OVERLAP = 0.25, 0.5
RESULTS_KEPT = 200_000


class Yolox:
    """The model as its authors' demo calls it: letterbox, one picture, boxes, suppression of overlaps."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        grids, strides = [], []
        for stride in (8, 16, 32):
            cells = SIDE // stride
            y, x = np.mgrid[:cells, :cells]
            grids.append(np.stack([x, y], axis=-1).reshape(-1, 2))
            strides.append(np.full((cells * cells, 1), stride))
        self._grid, self._stride = np.concatenate(grids), np.concatenate(strides)

    def detect(self, picture: npt.NDArray[np.uint8]) -> list[dict[str, Any]]:
        """What is on a (height, width, 3) BGR picture."""
        scale = min(SIDE / picture.shape[0], SIDE / picture.shape[1])
        small = cv2.resize(picture, None, fx=scale, fy=scale)
        padded = np.full((SIDE, SIDE, 3), 114, np.uint8)
        padded[: small.shape[0], : small.shape[1]] = small
        batch = padded.transpose(2, 0, 1)[None].astype(np.float32)
        rows: npt.NDArray[np.float32] = self._session.run(None, {self._input: batch})[0][0]
        centres, sizes = (rows[:, :2] + self._grid) * self._stride, np.exp(rows[:, 2:4]) * self._stride
        scores = rows[:, 4:5] * rows[:, 5:]
        classes, best = scores.argmax(axis=1), scores.max(axis=1)
        corners = np.concatenate([centres - sizes / 2, sizes], axis=1) / scale
        kept = cv2.dnn.NMSBoxesBatched(corners.tolist(), best.tolist(), classes.tolist(), LEAST_SCORE, MOST_OVERLAP)
        return [{"label": int(classes[i]), "score": float(best[i]), "box": corners[i].tolist()} for i in kept]


def main() -> None:
    """Work, for ever."""
    client, model = redis.Redis.from_url(sys.argv[1]), Yolox(Path(sys.argv[2]))
    while True:
        taken: Any = client.brpop(["queue"])
        message = json.loads(taken[1])
        jpeg: Any = client.get(message["key"])
        if jpeg is None:
            continue  # it waited for longer than frames are kept
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        found = model.detect(np.asarray(picture, np.uint8))
        client.set(f"result:{message['camera']}", json.dumps(found))
        client.lpush("results", json.dumps([message["camera"], message["sent_at"], time.time()]))
        client.ltrim("results", 0, RESULTS_KEPT - 1)


if __name__ == "__main__":
    main()
