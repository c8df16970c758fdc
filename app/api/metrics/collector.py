"""Figures of the whole system, gathered from Redis and the database when Prometheus asks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import redis
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.api.cameras.status import statuses
from app.api.services import Services
from app.api.signs_of_life import alive, as_text
from core import keys
from core.errors import UnavailableError
from core.recognitions import EVENT_QUEUES, EVENT_SHARDS, FRAME_QUEUES, JOB_QUEUES

Samples = Iterable[tuple[tuple[str, ...], float]]

_CAMERA = ("camera_id", "camera")
_RATES = {
    "received_fps": "Frames a second that the camera sends",
    "decoded_fps": "Frames a second that are decoded",
    "sampled_fps": "Frames a second that go to the frame store",
}
_ASKED_REACHED = {
    "asked_fps": "Frames a second that the recognition is to get",
    "reached_fps": "Frames a second that workers took",
}

_log = logging.getLogger(__name__)


class SystemCollector(Collector):
    """Reads everything anew at each scrape; what cannot be read is left out, and `camrec_up` says so."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def describe(self) -> Iterable[Metric]:
        """Nothing: the registry would otherwise scrape once while it is built."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All metrics."""
        up = GaugeMetricFamily("camrec_up", "Whether the figures of this source could be read", labels=["source"])
        for source, read in {
            "cameras": self._cameras,
            "queues": self._queues,
            "workers": self._workers,
            "database": self._database,
            "frame_store": self._frame_store,
        }.items():
            metrics = self._read(source, read)
            up.add_metric([source], float(metrics is not None))
            yield from metrics or ()
        yield _gauge(
            "camrec_api_streams_open", "MJPEG and event streams open", (), [((), self._services.streams.open_count)]
        )
        yield up

    @staticmethod
    def _read(source: str, read: Callable[[], Iterator[Metric]]) -> list[Metric] | None:
        try:
            return list(read())
        except (redis.RedisError, UnavailableError) as error:
            _log.warning("No figures of %s: %s", source, error)
            return None

    def _cameras(self) -> Iterator[Metric]:
        cameras = self._services.cameras.all()
        said = [
            ((str(camera.id), camera.name), status)
            for camera, status in zip(cameras, statuses(self._services, cameras), strict=True)
        ]
        yield _gauge(
            "camrec_camera_state",
            "1 for the state that the camera is in",
            (*_CAMERA, "state"),
            (((*camera, status["state"]), 1) for camera, status in said),
        )
        yield _gauge(
            "camrec_camera_frame_age_seconds",
            "Age of the newest frame",
            _CAMERA,
            ((camera, status["frame_age_s"]) for camera, status in said if status["frame_age_s"] is not None),
        )
        yield _gauge(
            "camrec_camera_moving",
            "1 while something moves, and recognitions get all frames",
            _CAMERA,
            ((camera, float(status["moving"])) for camera, status in said),
        )
        for name, text in _RATES.items():
            yield _gauge(f"camrec_camera_{name}", text, _CAMERA, ((camera, status[name]) for camera, status in said))
        for name, text in _ASKED_REACHED.items():
            yield _gauge(f"camrec_camera_{name}", text, (*_CAMERA, "recognition"), _by_key(said, name))
        yield _counter(
            "camrec_camera_reconnects",
            "Reconnects",
            _CAMERA,
            ((camera, status["reconnects"]) for camera, status in said),
        )
        yield _counter(
            "camrec_capture_drops", "Frames that capture did not hand on", (*_CAMERA, "cause"), _by_key(said, "drops")
        )

    def _queues(self) -> Iterator[Metric]:
        queues = (*FRAME_QUEUES, *EVENT_QUEUES, *JOB_QUEUES)
        pipeline = self._services.redis.pipeline(transaction=False)
        for shard in range(EVENT_SHARDS):
            pipeline.xlen(keys.observations(shard))
        observations = ((str(shard),) for shard in range(EVENT_SHARDS))
        yield _gauge(
            "camrec_observations_waiting",
            "Observations not judged yet",
            ("shard",),
            zip(observations, pipeline.execute(), strict=True),
        )
        for queue in queues:
            pipeline.llen(queue)
        yield _gauge(
            "camrec_queue_length",
            "Messages that wait",
            ("queue",),
            (((queue,), length) for queue, length in zip(queues, pipeline.execute(), strict=True)),
        )

    def _workers(self) -> Iterator[Metric]:
        client = self._services.redis
        signs = alive(client, keys.WORKERS, self._services.clock.now())
        queues = [queue for sign in signs.values() for queue in sign.get("queues", ())]
        yield _gauge(
            "camrec_workers", "Workers that live", ("queue",), (((q,), queues.count(q)) for q in sorted(set(queues)))
        )
        yield _counter(
            "camrec_frames_served",
            "Frames that workers took",
            ("recognition", "camera_id"),
            _hash(client, keys.SERVED, 2),
        )
        dropped = ("recognition", "camera_id", "cause")
        yield _counter(
            "camrec_worker_drops", "Frames taken and not recognised", dropped, _hash(client, keys.WORKER_DROPS, 3)
        )
        yield _counter("camrec_judge_drops", "Observations not judged", dropped, _hash(client, keys.JUDGE_DROPS, 3))
        yield _counter(
            "camrec_recogniser",
            "Batches, frames and seconds of the recognisers",
            ("recognition", "figure"),
            _hash(client, keys.RECOGNISER_FIGURES, 2),
        )

    def _database(self) -> Iterator[Metric]:
        yield _gauge("camrec_events", "Events stored", (), [((), self._services.events.count())])
        yield _gauge(
            "camrec_kept_frame_bytes", "Disk taken by kept frames", (), [((), self._services.kept_frames.total_bytes())]
        )

    def _frame_store(self) -> Iterator[Metric]:
        used, allowed = self._services.frames.usage()
        yield _gauge(
            "camrec_frame_store_bytes",
            "Memory of the frame store",
            ("kind",),
            [(("used",), used), (("allowed",), allowed)],
        )


def _gauge(name: str, text: str, labels: tuple[str, ...], samples: Samples) -> Metric:
    return _filled(GaugeMetricFamily(name, text, labels=labels), samples)


def _counter(name: str, text: str, labels: tuple[str, ...], samples: Samples) -> Metric:
    return _filled(CounterMetricFamily(name, text, labels=labels), samples)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, samples: Samples) -> Metric:
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def _by_key(said: Sequence[tuple[tuple[str, ...], dict[str, Any]]], name: str) -> Samples:
    return [((*camera, key), value) for camera, status in said for key, value in status[name].items()]


def _hash(client: redis.Redis, key: str, label_count: int) -> Samples:
    """Fields ``a:b:c`` of a hash as labels; what has another number of parts is of another release."""
    pairs = ((as_text(field).split(":"), float(value)) for field, value in client.hgetall(key).items())
    return [(tuple(labels), value) for labels, value in pairs if len(labels) == label_count]
