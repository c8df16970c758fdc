from __future__ import annotations

import jwt
import pytest

from app.api.failed_logins import MAX_FAILURES, MAX_KEYS, WINDOW_S, FailedLogins
from app.api.tokens import BadTokenError, Claims, TokenSigner
from storage.users import User
from tests.support.manual_clock import ManualClock

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
ANNE = User(id=1, name="anne", role="viewer", token_version=7)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def signer(clock: ManualClock) -> TokenSigner:
    return TokenSigner(KEY, 60.0, clock)


def test_a_token_names_its_user_until_it_expires(signer: TokenSigner, clock: ManualClock) -> None:
    token = signer.issue(ANNE)
    clock.advance(59)
    assert signer.read(token) == Claims("anne", 7)
    clock.advance(1)
    with pytest.raises(BadTokenError) as raised:
        signer.read(token)
    assert raised.value.code == "expired_token"


def test_a_token_of_another_purpose_is_refused(signer: TokenSigner, clock: ManualClock) -> None:
    with pytest.raises(BadTokenError):
        signer.read(TokenSigner(OTHER_KEY, 60.0, clock).issue(ANNE))


GOOD = {"sub": "anne", "ver": 7, "iat": 0, "exp": 1e12}


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param("a.b.c", id="garbage"),
        pytest.param("\0é", id="not ASCII"),
        pytest.param(jwt.encode(GOOD, "", "none"), id="unsigned"),
        pytest.param(jwt.encode(GOOD, 2 * KEY, "HS512"), id="another algorithm"),
        *(
            pytest.param(jwt.encode({k: v for k, v in GOOD.items() if k != name}, KEY), id=f"without {name}")
            for name in GOOD
        ),
        pytest.param(jwt.encode({**GOOD, "ver": "x"}, KEY), id="a version that is none"),
        pytest.param(jwt.encode({**GOOD, "exp": "soon"}, KEY), id="a time that is none"),
    ],
)
def test_what_we_did_not_sign_is_refused(signer: TokenSigner, token: str) -> None:
    with pytest.raises(BadTokenError) as raised:
        signer.read(token)
    assert raised.value.code == "invalid_token"


def test_failures_are_forgiven_after_a_while(clock: ManualClock) -> None:
    logins, key = FailedLogins(clock), ("anne", "192.0.2.1")
    for _ in range(MAX_FAILURES):
        assert logins.wait_s(key) == 0
        logins.failed(key)
        clock.advance(1)
    assert logins.wait_s(key) == pytest.approx(WINDOW_S - MAX_FAILURES)
    assert logins.wait_s(("anne", "192.0.2.2")) == 0
    assert logins.wait_s(("bert", "192.0.2.1")) == 0
    clock.advance(WINDOW_S - MAX_FAILURES)
    assert logins.wait_s(key) == 0


def test_a_right_password_clears_the_count(clock: ManualClock) -> None:
    logins, key = FailedLogins(clock), ("anne", "192.0.2.1")
    for _ in range(MAX_FAILURES):
        logins.failed(key)
    logins.succeeded(key)
    assert logins.wait_s(key) == 0


def test_the_memory_of_failures_is_bounded(clock: ManualClock) -> None:
    logins = FailedLogins(clock)
    for number in range(MAX_KEYS + 1):
        for _ in range(MAX_FAILURES):
            logins.failed((f"user{number}", "192.0.2.1"))
    assert logins.wait_s(("user0", "192.0.2.1")) == 0
    assert logins.wait_s((f"user{MAX_KEYS}", "192.0.2.1")) > 0
