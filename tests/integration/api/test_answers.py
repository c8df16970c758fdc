"""What every answer has, whatever the question."""

from __future__ import annotations

import logging

import pytest

from tests.support.api_client import ApiClient, code_of


@pytest.mark.parametrize("path", ["/cameras", "/health", "/nothing", "/events?limit=x", "/cameras/1"])
def test_every_answer_says_how_browsers_are_to_treat_it(shared_viewer: ApiClient, path: str) -> None:
    headers = shared_viewer.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["X-Request-ID"]


def test_the_documentation_runs_its_own_scripts_only(shared_viewer: ApiClient) -> None:
    client = shared_viewer.app.test_client()
    assert client.get("/").headers["Location"] == "/docs"
    for path in ("/docs", "/docs/start.js", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"):
        answer = client.get(path)
        assert answer.status_code == 200
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe-eval" not in policy
    assert client.get("/docs/../factory.py").status_code == 404
    assert client.get("/docs/index.j2").status_code == 404


def test_a_bug_is_a_500_that_tells_the_log_and_nobody_else(
    shared_viewer: ApiClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(*_: object) -> None:
        raise KeyError("rtsp://user:s3cretW0rd@192.0.2.1/")

    monkeypatch.setattr("storage.cameras.CameraStore.get", break_down)
    with caplog.at_level(logging.ERROR):
        answer = shared_viewer.get("/cameras/1", headers={"X-Request-ID": "find-me"})
    assert code_of(answer) == (500, "internal_error")
    assert answer.headers["X-Request-ID"] == "find-me"
    assert "192.0.2.1" not in answer.text
    assert any(record.exc_info and "KeyError" in repr(record.exc_info[1]) for record in caplog.records)


def test_models_say_whether_they_are_here(shared_viewer: ApiClient) -> None:
    models = {model["name"]: model for model in shared_viewer.get("/models").get_json()["items"]}
    assert models["ppocr_v6_det_small"]["status"] == "bundled"
    assert models["hyperlpr_y5fu_320x"]["status"] == "missing"
    for model in models.values():
        assert model["licence"]
        assert len(model["sha256"]) == 64
        assert model["source"]
