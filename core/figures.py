"""What the processes of an installation count and time, for the metrics. docs/monitoring.md tells of each."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from core.shared_registry import SharedRegistry

_WAIT_S = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 3.0, 5.0)
_LATENCY_S = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 120.0)
_DATABASE_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_JOB_S = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
_BATCH_FRAMES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_RECOGNITION = ["recognition"]

REGISTRY = SharedRegistry()
"""What the processes of this installation count."""

# Whoever changes buckets or labels changes keys.FIGURES, too: sums of two kinds of buckets would mean nothing.
SAMPLE_SECONDS = Histogram(
    "camrec_sample_seconds",
    "Time from a frame's capture until its pixels are in the frame store",
    buckets=_WAIT_S,
    registry=REGISTRY,
)
TOKEN_WAIT_SECONDS = Histogram(
    "camrec_token_wait_seconds",
    "Time from the offer of a token until a worker takes it, by the clock of Redis",
    _RECOGNITION,
    buckets=_WAIT_S,
    registry=REGISTRY,
)
FRAME_AGE_SECONDS = Histogram(
    "camrec_frame_age_seconds",
    "Age of frames when they enter a batch",
    _RECOGNITION,
    buckets=_LATENCY_S,
    registry=REGISTRY,
)
BATCH_FRAMES = Histogram(
    "camrec_batch_frames", "Frames in a batch", _RECOGNITION, buckets=_BATCH_FRAMES, registry=REGISTRY
)
BATCH_WAIT_SECONDS = Histogram(
    "camrec_batch_wait_seconds",
    "Time that the first frame of a batch waits in the worker until the batch runs",
    _RECOGNITION,
    buckets=_WAIT_S,
    registry=REGISTRY,
)
INFERENCE_SECONDS = Histogram(
    "camrec_inference_seconds",
    "Time that a batch runs: preprocessing, models and decoding",
    _RECOGNITION,
    buckets=_WAIT_S,
    registry=REGISTRY,
)
MODEL_SECONDS = Histogram(
    "camrec_model_seconds",
    "Time that one run of a model takes, on the batch that it was given",
    ["model"],
    buckets=_WAIT_S,
    registry=REGISTRY,
)
OBSERVATION_LATENCY_SECONDS = Histogram(
    "camrec_observation_latency_seconds",
    "Time from a frame's capture until its observation is published",
    _RECOGNITION,
    buckets=_LATENCY_S,
    registry=REGISTRY,
)
JUDGED_LATENCY_SECONDS = Histogram(
    "camrec_judged_latency_seconds",
    "Time from a frame's capture until its observation is judged",
    _RECOGNITION,
    buckets=_LATENCY_S,
    registry=REGISTRY,
)
EVENT_LATENCY_SECONDS = Histogram(
    "camrec_event_latency_seconds",
    "Time from the capture of the frame that begins or changes an event until the event is in the database",
    _RECOGNITION,
    buckets=_LATENCY_S,
    registry=REGISTRY,
)
DATABASE_SECONDS = Histogram(
    "camrec_database_seconds",
    "Time of a transaction, waiting for the database included",
    ["operation"],
    buckets=_DATABASE_S,
    registry=REGISTRY,
)
DATABASE_ERRORS = Counter(
    "camrec_database_errors", "Transactions that the database did not take", ["operation"], registry=REGISTRY
)
for _operation in ("read", "write"):  # told with 0: Prometheus sees no increase from a figure that it has never seen
    DATABASE_ERRORS.labels(_operation)
MEDIA_FETCHED_BYTES = Counter(
    "camrec_media_fetched_bytes", "Bytes of media copied from other machines and the bucket", registry=REGISTRY
)
MEDIA_ERRORS = Counter(
    "camrec_media_errors", "Requests for media that another machine did not answer", ["node"], registry=REGISTRY
)
JOB_SECONDS = Histogram(
    "camrec_job_seconds", "Time that a job runs", ["task", "outcome"], buckets=_JOB_S, registry=REGISTRY
)
