"""The installation's key: camera credentials are encrypted with it, tokens are signed with it."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import CamrecError
from core.settings import Settings

KEY_BYTES = 32


class Secrets:
    """Encrypts, decrypts and derives, from ``secret.key`` in the data folder (made at first use, mode 0600)."""

    def __init__(self, data_dir: Path, given: str | None = None) -> None:
        """Read the key, or make it.

        Args:
            data_dir: The data folder.
            given: Content of the file, as another machine of the installation has it; None: made at random.

        Raises:
            CamrecError: the file cannot be read or made, is no key, or is another one than the given.
        """
        self._path = data_dir / "secret.key"
        try:
            self._root = _load_or_create(self._path, _key(given, "CAMREC_SECRET_KEY") if given else None)
        except OSError as error:
            raise CamrecError(f"The key {self._path} cannot be read or made: {error.strerror}.") from error
        self._fernet = Fernet(base64.urlsafe_b64encode(self.derive("camera-urls")))

    @classmethod
    def of(cls, settings: Settings) -> Secrets:
        """Those of this machine's installation."""
        return cls(settings.data, None if settings.secret_key is None else settings.secret_key.get_secret_value())

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose, by HKDF-SHA256 (RFC 5869)."""
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"camrec/{purpose}".encode()).derive(self._root)

    def signing_key(self) -> Ed25519PrivateKey:
        """With which this installation signs clips; it follows from ``secret.key`` and lives as long."""
        return Ed25519PrivateKey.from_private_bytes(self.derive("clip-signatures"))

    def encrypt(self, text: str) -> str:
        """Text → token (Fernet: AES-128-CBC with HMAC-SHA256)."""
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str:
        """The inverse of `encrypt`.

        Raises:
            CamrecError: encrypted with another key.
        """
        try:
            return self._fernet.decrypt(token.encode()).decode()
        except InvalidToken:
            raise CamrecError(
                f"A camera URL was encrypted with another key than {self._path}. Put the key of this database back "
                "(that of the first machine where there are several: CAMREC_SECRET_KEY), or enter the URL again."
            ) from None


def _load_or_create(path: Path, given: bytes | None) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        # Written whole under another name and linked: two processes that start together agree on one key.
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.urlsafe_b64encode(given or secrets.token_bytes(KEY_BYTES)))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        text = path.read_bytes()
    key = _key(text, str(path))
    if given is not None and key != given:
        raise CamrecError(
            f"CAMREC_SECRET_KEY is another key than that in {path}: all machines of an installation have the same. "
            "Set it to the content of that file; remove the file only where nothing was encrypted with it."
        )
    return key


def _key(text: str | bytes, where: str) -> bytes:
    try:
        key = base64.urlsafe_b64decode(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise CamrecError(f"{where} is not a key of this program: {KEY_BYTES} bytes in base64 are expected.")
    return key
