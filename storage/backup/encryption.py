"""Streams encrypted with a passphrase.

Format: ``camrec-backup-1\\n``, log2(N), r and p of scrypt (RFC 7914) as a byte each, 16 bytes of salt, 8 bytes of
nonce prefix; then chunks, each a big-endian 32-bit length and that many bytes of AES-256-GCM. The nonce of chunk n is
the prefix and n as 32 bits. The header and a byte, 1 for the last chunk and else 0, are authenticated with each chunk:
chunks that are changed, left out, moved or cut off at the end are noticed.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from core.errors import CamrecError

MAGIC = b"camrec-backup-1\n"
CHUNK_BYTES = 1 << 20
MIN_PASSPHRASE_LENGTH = 8

_SCRYPT = (15, 8, 1)
_MAX_LOG2_N = 20
"""A file made to fill the memory is refused."""
_TAG_BYTES = 16


class PassphraseError(CamrecError):
    """A passphrase is missing, too short or wrong, or the file was changed."""


class EncryptingWriter:
    """A file to write to; what is written goes to ``target`` encrypted. `close` must be called, and ends the stream."""

    def __init__(self, target: BinaryIO, passphrase: str) -> None:
        if len(passphrase) < MIN_PASSPHRASE_LENGTH:
            raise PassphraseError(
                f"A passphrase has at least {MIN_PASSPHRASE_LENGTH} characters; got {len(passphrase)}."
            )
        salt, self._prefix = os.urandom(16), os.urandom(8)
        self._header = MAGIC + bytes(_SCRYPT) + salt + self._prefix
        self._cipher = _cipher(passphrase, salt, *_SCRYPT)
        self._target = target
        self._waiting = bytearray()
        self._chunks = 0
        target.write(self._header)

    def write(self, data: bytes) -> int:
        """Encrypt and write as many whole chunks as there are."""
        self._waiting += data
        while len(self._waiting) > CHUNK_BYTES:
            self._write_chunk(bytes(self._waiting[:CHUNK_BYTES]), is_last=False)
            del self._waiting[:CHUNK_BYTES]
        return len(data)

    def close(self) -> None:
        """Write the last chunk."""
        self._write_chunk(bytes(self._waiting), is_last=True)

    def _write_chunk(self, plain: bytes, is_last: bool) -> None:
        nonce = self._prefix + struct.pack(">I", self._chunks)
        sealed = self._cipher.encrypt(nonce, plain, self._header + bytes([is_last]))
        self._target.write(struct.pack(">I", len(sealed)) + sealed)
        self._chunks += 1


class DecryptingReader:
    """The inverse of `EncryptingWriter`: a file to read from."""

    def __init__(self, source: BinaryIO, passphrase: str) -> None:
        self._header = source.read(len(MAGIC) + 3 + 16 + 8)
        if not is_encrypted(self._header) or len(self._header) < len(MAGIC) + 27:
            raise PassphraseError("This is not an encrypted backup.")
        log2_n, r, p = self._header[len(MAGIC) : len(MAGIC) + 3]
        if log2_n > _MAX_LOG2_N or not 1 <= r <= 16 or not 1 <= p <= 16 or log2_n < 1:
            raise PassphraseError("The header of this backup is damaged.")
        salt, self._prefix = self._header[-24:-8], self._header[-8:]
        self._cipher = _cipher(passphrase, salt, log2_n, r, p)
        self._source = source
        self._next = source.read(4)
        if not self._next:
            raise PassphraseError("The backup is cut off.")
        self._waiting = bytearray()
        self._chunks = 0

    def read(self, size: int = -1) -> bytes:
        """Decrypted bytes, fewer than ``size`` only at the end.

        Raises:
            PassphraseError: the passphrase is wrong, or the file was changed or is cut off.
        """
        while self._next and (size < 0 or len(self._waiting) < size):
            self._waiting += self._read_chunk()
        end = len(self._waiting) if size < 0 else size
        data = bytes(self._waiting[:end])
        del self._waiting[:end]
        return data

    def _read_chunk(self) -> bytes:
        length = int.from_bytes(self._next)
        sealed = self._source.read(length) if _TAG_BYTES <= length <= CHUNK_BYTES + _TAG_BYTES else b""
        self._next = self._source.read(4)
        nonce = self._prefix + struct.pack(">I", self._chunks)
        try:
            plain = self._cipher.decrypt(nonce, sealed, self._header + bytes([not self._next]))
        except (InvalidTag, ValueError):
            raise PassphraseError(
                "The passphrase is wrong." if self._chunks == 0 else "The backup is damaged or cut off."
            ) from None
        self._chunks += 1
        return plain


def is_encrypted(beginning: bytes) -> bool:
    """Whether a file that begins so is encrypted."""
    return beginning.startswith(MAGIC)


def _cipher(passphrase: str, salt: bytes, log2_n: int, r: int, p: int) -> AESGCM:
    return AESGCM(Scrypt(salt=salt, length=32, n=1 << log2_n, r=r, p=p).derive(passphrase.encode()))
