"""Log lines say where they come from and hold no secret."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.log import log_context, setup_logging
from core.settings import load_settings

LINE = "cannot open rtsp://admin:s3cret@10.0.0.5/ch1?token=abc"


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    """Leave pytest's own handlers as they were."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before, level


def log_lines(capsys: pytest.CaptureFixture[str], tmp_path: Path, log_format: str) -> str:
    setup_logging("capture", load_settings({"CAMREC_LOG_FORMAT": log_format}, tmp_path / "none.env"))
    with log_context(camera_id=7), log_context(task_id="t1"):
        try:
            raise OSError(LINE)
        except OSError:
            logging.getLogger("a.b").exception("failed: %s", LINE)
    return capsys.readouterr().err


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_credential_is_logged(capsys: pytest.CaptureFixture[str], tmp_path: Path, log_format: str) -> None:
    written = log_lines(capsys, tmp_path, log_format)
    assert "s3cret" not in written
    assert "admin" not in written
    assert "token=abc" not in written
    assert "10.0.0.5/ch1" in written


def test_text_lines_name_camera_and_task(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    first = log_lines(capsys, tmp_path, "text").splitlines()[0]
    assert "ERROR" in first
    assert "capture a.b [camera_id=7 task_id=t1]" in first


def test_json_lines_are_one_object_each(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (line,) = log_lines(capsys, tmp_path, "json").splitlines()
    fields = json.loads(line)
    assert fields["camera_id"] == 7
    assert fields["task_id"] == "t1"
    assert fields["process"] == "capture"
    assert "Traceback" in fields["message"]
