"""Settings: environment variables ``CAMREC_*`` or ``.env`` in the current folder, validated at start."""

from __future__ import annotations

import difflib
import importlib.metadata
import os
import socket
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import ByteSize, Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import BadSettingError, UnavailableError

PREFIX = "CAMREC_"
_REDIS_SCHEMES = frozenset({"redis", "rediss", "unix"})
ENV_FILE = ".env"
FILE_SUFFIX = "_FILE"
TRACING_PACKAGE = "opentelemetry-exporter-otlp-proto-http"
"""Optional: the extra ``trace``. It brings the others that tracing needs."""


def _default_data() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "camrec"


class Settings(BaseSettings):
    """Every setting, its default and what it means."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=ENV_FILE, extra="ignore", frozen=True)

    data: Path = Field(default_factory=_default_data, description="folder of the database, media, models and keys")
    node: str = Field(
        default_factory=socket.gethostname,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
        description="name of this machine among those of the installation; media belong to the node that wrote them",
    )
    node_url: str | None = Field(
        None,
        pattern=r"^https?://[^/@\s]+$",
        description="address at which other machines reach this one's `camrec media`; unset: none do",
    )
    secret_key: SecretStr | None = Field(
        None, description="content of the first machine's secret.key, for the others; unset: made at first use"
    )
    redis_url: SecretStr | None = Field(None, description="Redis to use; unset: `camrec up` starts one of its own")
    database_url: SecretStr | None = Field(
        None, description="postgresql+psycopg://… ; unset: SQLite in the data folder"
    )
    frame_transport: Literal["shm", "redis"] = Field(
        "shm",
        description="how frames reach workers: shared memory of one machine, or JPEGs in a Redis; the same everywhere",
    )
    frames_redis_url: SecretStr | None = Field(
        None, description="Redis, without persistence, for frames with transport redis; unset: CAMREC_REDIS_URL"
    )
    frame_dir: Path = Field(Path("/dev/shm"), description="folder in memory (tmpfs) for the frame store")  # noqa: S108
    frame_memory: Annotated[ByteSize, Field(ge=16_000_000)] = Field(
        ByteSize(2_000_000_000), description="most memory that frames, clips and pictures for events may take, e.g. 2GB"
    )
    admin_password: SecretStr | None = Field(None, description="password of the first administrator, `admin`")
    allow_files: bool = Field(False, description="whether cameras may be local files (file:// or a path)")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="least level that is logged")
    log_format: Literal["text", "json"] = Field("text", description="log lines for people, or one JSON object a line")
    process_name: str | None = Field(None, description="name of this process in log lines; `camrec up` sets it")
    host: str = Field("127.0.0.1", description="address on which the API listens")
    port: int = Field(15439, ge=1, le=65535, description="port on which the API listens")
    proxies: int = Field(
        0, ge=0, le=10, description="reverse proxies before the API whose X-Forwarded-For names the client; 0: none"
    )
    api_threads: int = Field(16, ge=4, le=512, description="threads that answer requests")
    api_streams: int = Field(64, ge=1, le=1000, description="most MJPEG and event streams open at once")
    token_hours: float = Field(12.0, gt=0, le=24 * 31, description="hours for which a login is good")
    metrics_token: SecretStr | None = Field(None, description="a fixed bearer token that may read /metrics")
    otlp_endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^/@\s]+[^@\s]*$",
        description="OpenTelemetry collector that gets traces of frames, e.g. http://127.0.0.1:4318; unset: no tracing",
    )
    trace_share: float = Field(0.01, gt=0, le=1, description="share of the frames that are traced, 1: all")
    keep_fps: float = Field(1.0, ge=0, le=5, description="frames a second kept on disk for each camera, 0: none")
    frames_days: float = Field(2.0, gt=0, description="days for which kept frames stay")
    events_days: float = Field(30.0, gt=0, description="days for which events stay")
    clips_days: float = Field(30.0, gt=0, description="days for which clips stay, those of events, too")
    reid_days: float = Field(7.0, gt=0, description="days for which sightings of persons stay, with their pictures")
    gallery: Literal["auto", "memory", "pgvector"] = Field(
        "auto", description="how sightings are searched; auto: by pgvector where PostgreSQL has it, else in memory"
    )
    recordings_days: float = Field(7.0, gt=0, description="days for which continuous recordings stay")
    recordings_gb: float | None = Field(
        None, gt=0, description="most gigabytes of recordings on a machine; unset: all but what must stay free"
    )
    s3_bucket: str | None = Field(
        None, min_length=3, description="bucket that gets copies of clips and events' pictures; unset: none does"
    )
    s3_endpoint: str | None = Field(
        None, pattern=r"^https?://[^/@\s]+$", description="address of an S3-compatible server; unset: AWS"
    )
    s3_region: str = Field("us-east-1", description="region of the bucket")
    s3_prefix: str = Field("", description="folder in the bucket")
    s3_key_id: str | None = Field(None, description="access key; unset, with the secret: that of the machine's role")
    s3_secret: SecretStr | None = Field(None, description="secret of the access key")
    s3_segments_days: float | None = Field(
        None, ge=0, description="age in days at which recordings are copied, too; unset: they are not"
    )
    s3_local_days: float | None = Field(
        None, ge=0, description="days after copying for which the local file stays; unset: as long as the copy"
    )
    fetched_gb: float = Field(
        10.0, gt=0, description="most gigabytes of passing copies of media that lie on other machines or in the bucket"
    )
    min_free: ByteSize = Field(
        ByteSize(500_000_000),
        description="recording and keeping of frames stop where less, or less than 2 % of the disk, is free",
    )
    backup_dir: Path | None = Field(
        None, description="folder, of its own, for backups made by beat; unset: none are made"
    )
    backup_hours: float = Field(24.0, ge=0.1, description="hours from one backup by beat to the next")
    backup_keep: int = Field(7, ge=1, description="backups by beat that stay, besides those that they build on")
    backup_media: bool = Field(False, description="whether backups by beat hold pictures, clips and recordings, too")
    backup_passphrase_file: Path | None = Field(
        None, description="file, mode 600, whose first line encrypts the backups by beat; unset: not encrypted"
    )
    capture_weight: float = Field(
        1.0, ge=0.01, le=1000, description="share of the cameras that this node captures, relative to other nodes"
    )
    capture_most: int | None = Field(None, ge=0, description="most cameras that this node captures; unset: any number")
    hwdevice: str = Field(
        "auto",
        pattern=r"^(auto|none|(cuda|vaapi|videotoolbox)(:[\w/.-]+)?)$",
        description="what decodes video: auto, none (software), cuda, cuda:1, vaapi, … ; software where that fails",
    )
    cameras_per_shard: int = Field(25, ge=1, le=200, description="cameras in one capture process")
    gpu: int | None = Field(
        None,
        ge=0,
        description="GPU that a worker is pinned to; unset: `camrec up` uses all that work, a single worker the CPU; "
        "CUDA_VISIBLE_DEVICES= (empty) keeps `camrec up` on the CPU",
    )
    gpu_provider: Literal["cuda", "tensorrt"] = Field("cuda", description="what runs models on a GPU")
    gpu_precision: Literal["fp32", "fp16"] = Field(
        "fp32", description="of TensorRT's engines; models whose fp16 results differ too much stay at fp32"
    )
    gpu_memory: Annotated[ByteSize, Field(ge=64_000_000)] | None = Field(
        None, description="most GPU memory for the tensors of one model, e.g. 2GB; unset: what it wants"
    )
    max_batch: int = Field(8, ge=1, le=256, description="most frames in one batch")
    max_delay_ms: float = Field(0.0, ge=0, le=1000, description="longest wait for a batch to fill")
    max_queue: int = Field(1000, ge=1, description="most cameras whose frames wait for a batch in one worker")
    deadline_s: float = Field(2.0, gt=0, le=60, description="age at which a frame is no longer worth recognising")
    instances: int | None = Field(
        None, ge=1, le=64, description="batches run at once; unset: one for each CPU core, 2 on a GPU"
    )

    @field_validator("redis_url", "frames_redis_url")
    @classmethod
    def _is_url_of_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                parts = urlsplit(value.get_secret_value())
                is_url = parts.scheme in _REDIS_SCHEMES and parts.port != 0
            except ValueError:  # its text may quote a part of the password
                is_url = False
            if not is_url:
                raise ValueError(
                    "redis://HOST:6379/0 is expected, with a colon, the password (special characters "
                    "percent-encoded) and @ before HOST where there is one"
                )
        return value

    @field_validator("otlp_endpoint")
    @classmethod
    def _has_packages_for_tracing(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                importlib.metadata.version(TRACING_PACKAGE)
            except importlib.metadata.PackageNotFoundError:
                text = f"tracing needs {TRACING_PACKAGE}: `.venv/bin/pip install {TRACING_PACKAGE}`"
                raise ValueError(text) from None
        return value

    @property
    def run_dir(self) -> Path:
        """What running processes leave here: process list and Redis address of `camrec up`, what beat and capture know.

        Capture's survives restarts: cameras are recorded while Redis and database are away.
        """
        return self.data / "run"

    @property
    def models_dir(self) -> Path:
        """Where `camrec models pull` puts ONNX files."""
        return self.data / "models"

    @property
    def engines_dir(self) -> Path:
        """TensorRT's engines, made from the models on this machine; they may be removed at any time."""
        return self.data / "engines"

    @property
    def media_dir(self) -> Path:
        """Recordings, clips, kept frames and pictures of events; rows in the database hold paths relative to it."""
        return self.data / "media"

    @property
    def embedded_redis_file(self) -> Path:
        """Where the supervisor writes the embedded Redis's URL, password and all (mode 0600)."""
        return self.run_dir / "redis.url"

    def resolve_redis_url(self) -> str:
        """The Redis to connect to: the one set, else the one that `camrec up` runs on this data folder.

        Raises:
            UnavailableError: neither is there.
        """
        if self.redis_url is not None:
            return self.redis_url.get_secret_value()
        try:
            return self.embedded_redis_file.read_text().strip()
        except OSError:
            raise UnavailableError(
                f"No Redis: {PREFIX}REDIS_URL is not set and no `camrec up` runs on {self.data}. "
                f"Start `camrec up`, or set {PREFIX}REDIS_URL=redis://HOST:6379/0."
            ) from None

    def resolve_frames_redis_url(self) -> str:
        """The Redis through which frames go with transport ``redis``: the one set for them, else the broker.

        Raises:
            UnavailableError: neither is there.
        """
        if self.frames_redis_url is not None:
            return self.frames_redis_url.get_secret_value()
        return self.resolve_redis_url()

    def resolve_database_url(self) -> str:
        """The SQLAlchemy URL of the database."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data / 'camrec.db'}"


def setting_names() -> list[str]:
    """All settings as environment variables."""
    return sorted(PREFIX + name.upper() for name in Settings.model_fields)


def load_settings(environ: dict[str, str] | None = None, env_file: Path | None = None) -> Settings:
    """Read and validate the settings.

    Raises:
        BadSettingError: a ``CAMREC_*`` variable is unknown or wrong; the text names it and the valid ones, never
            the value of a secret.
    """
    environ = dict(os.environ) if environ is None else environ
    env_file = Path(ENV_FILE) if env_file is None else env_file
    given = {k.upper(): v for k, v in {**dotenv_values(env_file), **environ}.items() if k.upper().startswith(PREFIX)}
    given = _with_secrets_of_files(given)
    valid = setting_names()
    unknown = sorted(set(given) - set(valid))
    if unknown:
        near = difflib.get_close_matches(unknown[0], valid, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise BadSettingError(f"Unknown setting {', '.join(unknown)}.{hint} Valid settings: {', '.join(valid)}.")
    values = {k.removeprefix(PREFIX).lower(): v for k, v in given.items() if v not in {None, ""}}
    try:
        return Settings(_env_file=None, **values)  # type: ignore[call-arg, arg-type]
    except ValidationError as error:
        faults = "; ".join(f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
        raise BadSettingError(f"Wrong setting: {faults}.") from None


def _with_secrets_of_files(given: dict[str, str | None]) -> dict[str, str | None]:
    """``CAMREC_X_FILE`` names a file with the value of the secret X, as containers get them."""
    secret = {f"{PREFIX}{name.upper()}" for name, field in Settings.model_fields.items() if _is_secret(field)}
    found = dict(given)
    for name in [n for n in given if n.endswith(FILE_SUFFIX) and n.removesuffix(FILE_SUFFIX) in secret]:
        path = found.pop(name)
        if not path:
            continue
        if given.get(name.removesuffix(FILE_SUFFIX)):
            raise BadSettingError(f"{name.removesuffix(FILE_SUFFIX)} and {name} are both set: one of them is enough.")
        try:
            found[name.removesuffix(FILE_SUFFIX)] = Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BadSettingError(f"{name}: {path} cannot be read: {error}.") from None
    return found


def _is_secret(field: FieldInfo) -> bool:
    return SecretStr in {field.annotation, *get_args(field.annotation)}


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return load_settings()
