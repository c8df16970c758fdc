"""Settings are validated at start, and the page about them is the truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import BadSettingError, UnavailableError
from core.settings import load_settings
from docs import make_settings


@pytest.fixture
def no_file(tmp_path: Path) -> Path:
    return tmp_path / "none.env"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({"CAMREC_PROT": "1"}, ["CAMREC_PROT", "Did you mean CAMREC_PORT?", "CAMREC_DATA"], id="misspelt"),
        pytest.param({"CAMREC_PORT": "x"}, ["CAMREC_PORT", "integer"], id="not a number"),
        pytest.param({"CAMREC_PORT": "70000"}, ["CAMREC_PORT", "65535"], id="out of range"),
        pytest.param({"CAMREC_FRAME_MEMORY": "lots"}, ["CAMREC_FRAME_MEMORY"], id="not a size"),
        pytest.param({"CAMREC_LOG_FORMAT": "xml"}, ["CAMREC_LOG_FORMAT", "text", "json"], id="not a choice"),
    ],
)
def test_wrong_settings_are_refused(environ: dict[str, str], expected: list[str], no_file: Path) -> None:
    with pytest.raises(BadSettingError) as caught:
        load_settings(environ, no_file)
    for text in expected:
        assert text in str(caught.value)


def test_the_value_of_a_wrong_secret_is_not_told(no_file: Path) -> None:
    with pytest.raises(BadSettingError) as caught:
        load_settings({"CAMREC_ADMIN_PASWORD": "s3cret"}, no_file)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("name", ["CAMREC_REDIS_URL", "CAMREC_FRAMES_REDIS_URL"])
@pytest.mark.parametrize(
    "url",
    [
        pytest.param("redis://:s3c/ret@10.0.0.1:6380/0", id="password not encoded"),
        pytest.param("redis//:s3cret@host", id="no scheme"),
        pytest.param("postgresql://:s3cret@host", id="of another server"),
    ],
)
def test_a_wrong_address_of_redis_is_refused_and_not_told(name: str, url: str, no_file: Path) -> None:
    with pytest.raises(BadSettingError, match=rf"{name}.*percent-encoded") as caught:
        load_settings({name: url}, no_file)
    assert "s3c" not in str(caught.value)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("CAMREC_PORT=1111\nCAMREC_HOST=10.0.0.1\nOTHER=ignored\n")
    settings = load_settings({"CAMREC_PORT": "2222", "PATH": "/bin"}, file)
    assert (settings.port, settings.host) == (2222, "10.0.0.1")


def test_an_empty_value_is_no_value(no_file: Path) -> None:
    assert load_settings({"CAMREC_PORT": ""}, no_file).port == 15439


def test_units_of_sizes(no_file: Path) -> None:
    assert load_settings({"CAMREC_FRAME_MEMORY": "1.5GB"}, no_file).frame_memory == 1_500_000_000


def test_without_redis_the_ways_out_are_named(tmp_path: Path, no_file: Path) -> None:
    settings = load_settings({"CAMREC_DATA": str(tmp_path)}, no_file)
    with pytest.raises(UnavailableError, match=r"camrec up.*CAMREC_REDIS_URL"):
        settings.resolve_redis_url()


def test_the_page_is_written_from_the_settings() -> None:
    assert make_settings.PAGE.read_text("utf-8") == make_settings.page(), "run: python -m docs.make_settings"


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n")
    found = load_settings({"CAMREC_ADMIN_PASSWORD_FILE": str(secret)}, tmp_path / "no.env")
    assert found.admin_password is not None
    assert found.admin_password.get_secret_value() == "hunter2"


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        pytest.param({"CAMREC_ADMIN_PASSWORD_FILE": "{folder}/none"}, "cannot be read", id="no such file"),
        pytest.param({"CAMREC_PORT_FILE": "{folder}/secret"}, "Unknown setting CAMREC_PORT_FILE", id="no secret"),
        pytest.param(
            {"CAMREC_ADMIN_PASSWORD_FILE": "{folder}/secret", "CAMREC_ADMIN_PASSWORD": "other"}, "both set", id="both"
        ),
    ],
)
def test_a_wrong_file_of_a_secret_is_said(tmp_path: Path, environ: dict[str, str], message: str) -> None:
    (tmp_path / "secret").write_text("hunter2")
    given = {name: value.format(folder=tmp_path) for name, value in environ.items()}
    with pytest.raises(BadSettingError, match=message) as told:
        load_settings(given, tmp_path / "no.env")
    assert "hunter2" not in str(told.value)
