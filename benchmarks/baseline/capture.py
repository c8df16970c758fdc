"""``python -m benchmarks.baseline.capture REDIS_URL FRAMES_PER_MODEL_CALL URL…``: the process that reads cameras."""

from __future__ import annotations

import json
import os
import sys
import threading
import time

import cv2
import redis

OPENING = "rtsp_transport;tcp|fpsprobesize;0"
"""In its favour: OpenCV opens one stream at a time, and this halves the time that it takes."""
FRAME_LIFETIME_S = 10
MOST_QUEUED = 1000


class Clock:
    """When a frame was sent, though it is read late: what waits in a socket is old, too."""

    def __init__(self) -> None:
        self._offset_s = float("inf")

    def sent_at(self, position_s: float) -> float:
        """The least delay seen so far counts as none."""
        self._offset_s = min(self._offset_s, time.time() - position_s)
        return self._offset_s + position_s


def watch(number: int, url: str, client: redis.Redis, frames_per_call: int) -> None:
    """One camera, for ever."""
    while True:
        capture, clock, count = cv2.VideoCapture(url), Clock(), 0
        while True:
            ok, frame = capture.read()
            if not ok:
                break
            sent_at = clock.sent_at(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
            jpeg = cv2.imencode(".jpg", frame)[1].tobytes()
            write(client, number, count, sent_at, jpeg, is_due=count % frames_per_call == 0)
            count += 1
        capture.release()
        time.sleep(1)


def write(client: redis.Redis, number: int, count: int, sent_at: float, jpeg: bytes, is_due: bool) -> None:
    """Eight writes, one after another."""
    key = f"frame:{number}:{count}"
    message = json.dumps({"camera": number, "key": key, "sent_at": sent_at})
    client.set(key, jpeg, ex=FRAME_LIFETIME_S)
    client.set(f"latest:{number}", jpeg)
    client.hset(f"camera:{number}", mapping={"count": count, "sent_at": sent_at, "bytes": len(jpeg)})
    client.expire(f"camera:{number}", FRAME_LIFETIME_S)
    client.incr(f"frames:{number}")
    queue = "queue" if is_due else f"recent:{number}"
    client.lpush(queue, message)
    client.ltrim(queue, 0, MOST_QUEUED - 1 if is_due else 99)
    client.publish("frames", message)


def main() -> None:
    """Watch all of them."""
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = OPENING
    url, frames_per_call, cameras = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    client = redis.Redis.from_url(url)
    for number, camera in enumerate(cameras):
        threading.Thread(target=watch, args=(number, camera, client, frames_per_call), daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
