"""A bucket that speaks S3, as far as media need it. Files keep their names: paths below the media folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from core.errors import BadSettingError, UnavailableError
from core.redact import redact
from core.settings import Settings
from storage.fetched import FetchedCopies

TIMEOUT_S = 60
RETRY_S = 5
"""Short: whoever waits for a picture should be told; uploads are tried again by the next pass."""

NO_SUCH_OBJECT = "NoSuchKey"
_SAID = re.compile(r"<Code>(.+?)</Code>.*?<Message>(.+?)</Message>", re.DOTALL)
"""What a server that speaks S3 says about a refusal."""


class ObjectStore:
    """Safe for threads. Errors of the bucket are `UnavailableError`, without its secret."""

    def __init__(self, store: S3Store, where: str) -> None:
        self._store = store
        self._where = where
        """Bucket and address, for people."""

    @classmethod
    def of(cls, settings: Settings) -> ObjectStore | None:
        """The bucket that the settings name; None: media stay on this machine.

        Raises:
            BadSettingError: the settings do not belong together.
        """
        if settings.s3_bucket is None:
            return None
        if (settings.s3_key_id is None) != (settings.s3_secret is None):
            raise BadSettingError("CAMREC_S3_KEY_ID and CAMREC_S3_SECRET belong together: set both or none.")
        endpoint = settings.s3_endpoint
        store = S3Store(
            settings.s3_bucket,
            prefix=settings.s3_prefix or None,
            endpoint=endpoint,
            region=settings.s3_region,
            access_key_id=settings.s3_key_id,
            secret_access_key=None if settings.s3_secret is None else settings.s3_secret.get_secret_value(),
            # Names of buckets in host names need a DNS that only the large providers have.
            virtual_hosted_style_request=endpoint is None,
            client_options={
                "allow_http": bool(endpoint and endpoint.startswith("http://")),
                "timeout": f"{TIMEOUT_S}s",
            },
            retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=RETRY_S)},
        )
        return cls(store, f"{settings.s3_bucket} at {redact(endpoint or 'AWS')}")

    def put(self, path: str, file: Path) -> int:
        """Copy a file into the bucket; twice is as once. Returns its size there, in bytes.

        Raises:
            OSError: the file is not there, cannot be read, or changes meanwhile.
            UnavailableError: the bucket cannot be written now.
        """
        with file.open("rb") as content:
            size_bytes = os.fstat(content.fileno()).st_size
            with self._told():
                obstore.put(self._store, path, content)
                there = int(obstore.head(self._store, path)["size"])
        if there != size_bytes:
            raise OSError(f"it has {size_bytes} bytes here and {there} in bucket {self._where}")
        return there

    def get(self, path: str, node: str | None, copies: FetchedCopies) -> bool:  # noqa: ARG002  # it holds those of all
        """Copy an object into a passing file; False: there is no such object.

        Raises:
            UnavailableError: the bucket cannot be read now, or the disk not written.
        """
        with self._told():
            try:
                found = obstore.get(self._store, path)
            except FileNotFoundError as error:
                if NO_SUCH_OBJECT not in str(error):
                    raise
                return False
            copies.write(path, int(found.meta["size"]), map(bytes, found.stream()))
        return True

    def delete(self, paths: Sequence[str]) -> None:
        """Delete objects; what is gone already is no error.

        Raises:
            UnavailableError: the bucket cannot be written now.
        """
        if paths:
            with self._told():
                obstore.delete(self._store, list(paths))

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        # A 404 is a fault, too: of a wrong name of the bucket, where it looks as if every file were gone.
        except (BaseError, FileNotFoundError) as error:
            raise UnavailableError(f"Bucket {self._where} cannot be used now: {redact(_cause(error))}") from None


def _cause(error: Exception) -> str:
    """What the server said, or else the first line: the rest is the library's inside."""
    said = _SAID.search(str(error))
    return f"{said[1]}: {said[2]}" if said else str(error).strip().splitlines()[0]
