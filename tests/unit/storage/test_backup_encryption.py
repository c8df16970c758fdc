from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.backup.encryption import CHUNK_BYTES, DecryptingReader, EncryptingWriter, PassphraseError

PASSPHRASE = "correct horse"


def sealed(data: bytes) -> bytes:
    target = io.BytesIO()
    writer = EncryptingWriter(target, PASSPHRASE)
    for start in range(0, len(data), 100_000):
        writer.write(data[start : start + 100_000])
    writer.close()
    return target.getvalue()


def opened(data: bytes, passphrase: str = PASSPHRASE) -> bytes:
    return DecryptingReader(io.BytesIO(data), passphrase).read()


LONG = bytes(range(256)) * (CHUNK_BYTES // 100)


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, len(LONG)])
def test_what_goes_in_comes_out(size: int) -> None:
    assert opened(sealed(LONG[:size])) == LONG[:size]
    assert size < 10 or LONG[:size] not in sealed(LONG[:size])


def test_it_can_be_read_in_pieces() -> None:
    reader = DecryptingReader(io.BytesIO(sealed(LONG)), PASSPHRASE)
    pieces = list(iter(lambda: reader.read(70_000), b""))
    assert {len(piece) for piece in pieces[:-1]} == {70_000}
    assert b"".join(pieces) == LONG


def test_a_wrong_passphrase() -> None:
    with pytest.raises(PassphraseError, match="passphrase is wrong"):
        opened(sealed(b"data"), "incorrect horse")


def test_a_short_passphrase() -> None:
    with pytest.raises(PassphraseError, match="at least 8 characters; got 5"):
        EncryptingWriter(io.BytesIO(), "horse")


ONE = sealed(LONG)


@settings(max_examples=12, deadline=None)
@given(st.integers(20, len(ONE) - 1))
def test_any_changed_byte_is_noticed(place: int) -> None:
    with pytest.raises(PassphraseError):
        opened(ONE[:place] + bytes([ONE[place] ^ 1]) + ONE[place + 1 :])


@pytest.mark.parametrize("end", [10, 43, 44, 60, 43 + 4 + CHUNK_BYTES + 16, len(ONE) - 1])
def test_a_file_that_is_cut_off_is_noticed(end: int) -> None:
    with pytest.raises(PassphraseError):
        opened(ONE[:end])
