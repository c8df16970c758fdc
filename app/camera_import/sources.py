"""Where lists of cameras come from: a file, standard input, a web server, another database."""

from __future__ import annotations

import base64
import sys
import urllib.error
import urllib.request
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa

from app.camera_import.files import PARSERS, CameraFileError, Entry
from core.redact import redact

MAX_BYTES = 20_000_000
MAX_ROWS = 100_000
TIMEOUT_S = 30.0
STDIN = "-"
DEFAULT_QUERY = "SELECT id, url FROM cameras"
FORMATS = (*PARSERS, "sql")

_SUFFIXES = {".csv": "csv", ".tsv": "csv", ".json": "json", ".yaml": "yaml", ".yml": "yaml"}
_FLAGS = ("enabled", "tls_verify")


def read_entries(source: str, file_format: str | None = None, query: str = DEFAULT_QUERY) -> list[Entry]:
    """Everything that the source says of cameras.

    Args:
        source: Path or http(s) URL of a file, ``-`` for standard input (a file, or with format ``sql`` the URL of the
            database), or the SQLAlchemy URL of a database.
        file_format: One of `FORMATS`; None: by the ending of the name.
        query: What to ask the database for.

    Raises:
        CameraFileError: it cannot be read, or is no list of cameras, or an empty one.
    """
    is_url = "://" in source
    is_web = source.lower().startswith(("http://", "https://"))
    if file_format is None:
        name = urlsplit(source).path if is_web else source
        file_format = "sql" if is_url and not is_web else _SUFFIXES.get(PurePosixPath(name).suffix.lower())
    if file_format is None:
        raise CameraFileError(f"Say which --format {_where(source)} has: {', '.join(FORMATS)}.")
    if file_format == "sql":
        entries = _query(sys.stdin.readline().strip() if source == STDIN else source, query)
    else:
        entries = PARSERS[file_format](_fetch(source) if is_web else _read(source))
    if not entries:
        raise CameraFileError(f"There are no cameras in {_where(source)}.")
    return entries


def _where(source: str) -> str:
    return "standard input" if source == STDIN else redact(source)


def _read(source: str) -> bytes:
    try:
        if source == STDIN:
            return _limited(sys.stdin.buffer, source)
        with Path(source).open("rb") as file:
            return _limited(file, source)
    except OSError as error:
        raise CameraFileError(f"{_where(source)} cannot be read: {error.strerror}.") from None


def _fetch(url: str) -> bytes:
    try:
        parts = urlsplit(url)
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        request = urllib.request.Request(bare)  # noqa: S310 - http(s), as the caller saw
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(user.encode()).decode()}")
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            return _limited(answer, url)
    except urllib.error.HTTPError as error:
        raise CameraFileError(f"{redact(url)} answers {error.code} {error.reason}.") from None
    except (OSError, ValueError) as error:  # URLError, timeouts and bad URLs
        raise CameraFileError(f"{redact(url)} cannot be fetched: {getattr(error, 'reason', error)}.") from None


def _limited(file: IO[bytes], source: str) -> bytes:
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise CameraFileError(
            f"{_where(source)} has more than {MAX_BYTES // 1_000_000} MB: that is no list of cameras."
        )
    return data


def _query(url: str, query: str) -> list[Entry]:
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
            raise CameraFileError(f"{redact(url)}: there is no such file.")  # SQLite would make one
        waits = parsed.get_backend_name() in {"postgresql", "mysql", "mariadb"}
        patience = {"connect_timeout": int(TIMEOUT_S)} if waits else {}
        engine = sa.create_engine(parsed, hide_parameters=True, connect_args=patience)
        with engine.connect() as connection:  # never committed: what the query might change stays as it is
            result = connection.execute(sa.text(query))
            if not result.returns_rows:
                raise CameraFileError("The query gives no rows: it is a SELECT of id, url and more.")
            names = result.keys()
            columns = [name.lower() for name in names]
            rows = result.fetchmany(MAX_ROWS + 1)
        engine.dispose()
    except ImportError as error:
        raise CameraFileError(f"{redact(url)}: its driver is not installed: {error}.") from None
    except sa.exc.SQLAlchemyError as error:
        cause = " ".join(str(getattr(error, "orig", None) or error).split())
        raise CameraFileError(f"{redact(url)} cannot be asked: {redact(cause)}.") from None
    if "url" not in columns:
        raise CameraFileError(f"The query gives columns id, url and more; got {', '.join(columns)}.")
    if len(rows) > MAX_ROWS:
        raise CameraFileError(f"The query gives more than {MAX_ROWS} rows: those are not cameras.")
    return [Entry(f"row {n}", _fields(dict(zip(columns, row, strict=True)))) for n, row in enumerate(rows, 1)]


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    """Databases without booleans have 0 and 1, and NULL for what is not given."""
    given = {column: value for column, value in row.items() if value is not None}
    return {c: bool(v) if c in _FLAGS and v in (0, 1) else v for c, v in given.items()}
