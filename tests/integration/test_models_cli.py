"""`camrec models add | check | use`, and a running worker that follows the models folder."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import redis
import yaml

from app.api.signs_of_life import as_text
from core import keys
from core.recognitions import EVENT_SHARDS, RECOGNITIONS
from core.settings import Settings
from core.types import Observation
from storage.camera import Camera, CameraRecognition
from storage.cameras import CameraStore
from storage.database import Database
from storage.frames.store import open_frame_store
from storage.secrets import Secrets
from tasks import app
from tests.support.processes import CAMREC, children
from tests.support.tiny_onnx import write_constant
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

_SEND = """
import sys
from tasks import app

app.send_task(sys.argv[1], args=[[int(sys.argv[2])]], queue="falls")
"""

DETECTIONS = np.array([[[10, 20, 30, 60, 0.9, 0]]], np.float32)


@pytest.fixture
def models_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CAMREC_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data" / "models"


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    """Sees the same person in every picture of 64 x 64."""
    metadata = {"names": "{0: 'person'}", "task": "detect"}
    return write_constant(tmp_path / "My Detector.onnx", [1, 3, 64, 64], [DETECTIONS], metadata=metadata)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "scene.png"
    cv2.imwrite(str(path), np.full((128, 128, 3), 90, np.uint8))
    return path


def camrec(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*CAMREC, "models", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)


def test_a_model_is_added_checked_and_chosen(models_dir: Path, detector: Path, picture: Path, tmp_path: Path) -> None:
    added = camrec("add", detector)
    assert added.returncode == 0, added.stderr
    assert "camrec models use falls.person my_detector" in added.stdout
    row = yaml.safe_load((models_dir / "models.d" / "my_detector.yaml").read_text())
    assert (row["decoder"], row["labels"]) == ("end_to_end", ["person"])

    checked = camrec("check", "my_detector", picture, "--out", tmp_path / "seen.png", "--json")
    seen = json.loads(checked.stdout)
    assert [(d["label"], d["box"]) for d in seen["detections"]] == [("person", [20.0, 40.0, 60.0, 120.0])]
    drawn = cv2.imread(str(tmp_path / "seen.png"))
    assert drawn is not None
    assert (drawn[80, 20] != 90).any(), "the left side of the box is drawn"
    assert (drawn[80, 90] == 90).all()

    assert camrec("use", "falls.person", "my_detector").stdout == "falls.person: my_detector\n"
    assert yaml.safe_load((models_dir / "selection.yaml").read_text()) == {"falls.person": "my_detector"}
    listed = json.loads(camrec("list", "--json").stdout)["models"]
    mine = next(model for model in listed if model["name"] == "my_detector")
    assert (mine["status"], mine["used_by"]) == ("added", ["falls"])
    assert camrec("use", "falls.person", "--default").stdout == "falls.person: yolox_nano_416\n"


@pytest.mark.usefixtures("models_dir")
def test_what_fills_the_roles_is_shown_without_the_database_and_what_is_left_out_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CAMREC_DATABASE_URL", "postgresql+psycopg://camrec@127.0.0.1:1/camrec")
    shown = camrec("use")
    assert "falls.person: yolox_nano_416\n" in shown.stdout
    assert "Models of single cameras cannot be shown. The database cannot be used now" in shown.stderr


def test_a_text_model_is_added_with_its_alphabet_and_read(models_dir: Path, picture: Path, tmp_path: Path) -> None:
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
    places = np.zeros((1, 9, len(letters)), np.float32)
    places[0, np.arange(9), [letters.index(c) for c in "AB-1234__".replace("-", "_")]] = 1
    reader = write_constant(tmp_path / "reader.onnx", [1, 70, 140, 1], [places], input_type=np.uint8)
    alphabet = tmp_path / "alphabet.txt"
    alphabet.write_text("\n".join(letters))

    wrong = camrec("add", reader, "--decoder", "slots", "--labels", letters[10:])
    assert wrong.returncode == 1
    assert "The model reads 37 characters, but the alphabet has 27" in wrong.stderr
    assert not list(models_dir.rglob("*.yaml"))

    added = camrec("add", reader, "--labels", alphabet)
    assert added.returncode == 0, added.stderr
    assert "camrec models use plates.text reader" in added.stdout
    checked = camrec("check", "reader", picture, "--out", tmp_path / "seen.png")
    assert "text 'AB1234' 1.00" in checked.stdout, checked.stderr
    drawn = cv2.imread(str(tmp_path / "seen.png"))
    assert drawn is not None
    assert (drawn != 90).any(), "the text is drawn"
    assert camrec("use", "plates.text", "reader").stdout == "plates.text: reader\n"


@pytest.mark.data
def test_a_pose_is_checked_on_the_persons_that_the_detector_finds(
    models_dir: Path, tmp_path: Path, shared_data: Path
) -> None:
    models_dir.mkdir(parents=True)
    shutil.copy(shared_data / "models" / "movenet_lightning_192_int8.onnx", models_dir)
    video = cv2.VideoCapture(str(shared_data / "videos" / "one-by-one-person-detection.mp4"))
    video.set(cv2.CAP_PROP_POS_FRAMES, 100)
    scene = tmp_path / "walker.png"
    cv2.imwrite(str(scene), video.read()[1])
    video.release()

    whole = json.loads(camrec("check", "movenet_lightning_192_int8", scene, "--json").stdout)
    assert "whole picture" in whole["note"]
    shutil.copy(shared_data / "models" / "yolox_nano_416.onnx", models_dir)
    found = json.loads(camrec("check", "yolox_nano_416", scene, "--json").stdout)["detections"]
    persons = [d["box"] for d in found if d["label"] == "person"]
    seen = json.loads(camrec("check", "movenet_lightning_192_int8", scene, "--json").stdout)
    assert len(seen["points"]) == len(persons) > 0
    x1, y1, x2, y2 = persons[0]
    sure = [(x, y) for x, y, score in seen["points"][0] if score > 0.3]
    assert len(sure) > 5
    assert all(x1 - 20 <= x <= x2 + 20 and y1 - 20 <= y <= y2 + 20 for x, y in sure)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["add", "{scores}"], "--labels is needed: the names of its 4 classes", id="labels are missing"),
        pytest.param(["add", "{text}"], "expected an ONNX model", id="no model"),
        pytest.param(["add", "{detector}", "--name", "yolox_nano_416"], "name of a public model", id="name is taken"),
        pytest.param(["add", "{detector}", "--decoder", "detr"], "detr (queries, classes)", id="other decoder"),
        pytest.param(["use", "falls.person", "movenet_lightning_192_int8"], "models pull movenet", id="not here"),
        pytest.param(["use", "falls.person", "ppocr_v6_rec_small"], "its decoder is ctc", id="does something else"),
        pytest.param(["use", "falls.dog", "yolox_nano_416"], "Roles: plates.detector", id="no such role"),
        pytest.param(["check", "yolox_nano", "{picture}"], "Did you mean yolox_nano_416?", id="no such model"),
    ],
)
@pytest.mark.usefixtures("models_dir")
def test_what_is_wrong_is_said_and_nothing_is_kept(
    models_dir: Path, detector: Path, picture: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    text = tmp_path / "text.onnx"
    text.write_text("<html>")
    scores = write_constant(tmp_path / "scores.onnx", [1, 3, 64, 64], [np.ones((1, 4), np.float32)])
    places = {"detector": detector, "picture": picture, "text": text, "scores": scores}
    done = camrec(*(argument.format(**places) for argument in arguments))
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(models_dir.rglob("*.yaml"))


def test_on_a_terminal_what_is_missing_is_asked_for(models_dir: Path, tmp_path: Path) -> None:
    scores = write_constant(tmp_path / "colour.onnx", [1, 3, 64, 64], [np.ones((1, 2), np.float32)])
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*CAMREC, "models", "add", str(scores)], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, b"red, green\n")
    assert process.wait(30) == 0
    os.close(ours)
    row = yaml.safe_load((models_dir / "models.d" / "colour.yaml").read_text())
    assert (row["decoder"], row["labels"]) == ("frame_classes", ["red", "green"])


class Worker:
    """A frames worker of falls with one camera, driven by hand."""

    def __init__(self, settings: Settings, client: redis.Redis) -> None:
        self._client = client
        database = Database(settings)
        database.migrate()
        self._cameras = CameraStore(database, Secrets(settings.data))
        self.camera = self._cameras.get(self.add("hall"))
        self._frames = open_frame_store(settings)

    def add(self, name: str) -> int:
        """One more camera with falls; its id."""
        falls = (CameraRecognition("falls", 8.0),)
        return self._cameras.add(Camera(0, name, "rtsp://127.0.0.1:1/x", recognitions=falls)).id

    def sign(self) -> dict[str, Any]:
        """The last sign of life."""
        signs = [json.loads(raw) for raw in self._client.hgetall(keys.WORKERS).values()]
        return signs[0] if signs else {}

    def model(self) -> str | None:
        return (self.sign().get("models") or {}).get("falls")

    def offer(self) -> None:
        """Put a new frame into the store, and its token onto the queue."""
        self._frames.write(self.camera.id, np.zeros((64, 64, 3), np.uint8), time.time())
        arguments = [RECOGNITIONS["falls"].task, str(self.camera.id)]
        subprocess.run([sys.executable, "-P", "-c", _SEND, *arguments], check=True, timeout=60)

    @contextmanager
    def traffic(self, camera_id: int) -> Iterator[list[float]]:
        """Frames of a camera, about 40 a second, until the block ends; the times of those that were offered."""
        sent: list[float] = []
        stop = threading.Event()

        def feed() -> None:
            while not stop.wait(0.025):
                sent.append(time.time())
                self._frames.write(camera_id, np.zeros((64, 64, 3), np.uint8), sent[-1])
                app.send_task(RECOGNITIONS["falls"].task, args=[[camera_id]], queue="falls")

        thread = threading.Thread(target=feed)
        thread.start()
        try:
            yield sent
        finally:
            stop.set()
            thread.join()

    def seen(self) -> list[tuple[int, str]]:
        """Camera and models of every observation, in the order of the frames of each camera."""
        found: list[Observation] = []
        for shard in range(EVENT_SHARDS):
            for _, fields in self._client.xrange(keys.observations(shard)):
                found.append(Observation.from_json(json.loads(next(iter(fields.values())))))
        found.sort(key=lambda observation: observation.frame.seq)
        return [(observation.frame.camera_id, observation.model) for observation in found]

    def drops(self) -> dict[str, int]:
        """Cause → frames."""
        found = self._client.hgetall(keys.WORKER_DROPS)
        return {as_text(name).rpartition(":")[2]: int(count) for name, count in found.items()}


@pytest.mark.data
def test_a_worker_without_its_model_heals_and_follows_the_selection(
    settings: Settings, redis_client: redis.Redis, tmp_path: Path, detector: Path, shared_data: Path
) -> None:
    worker = Worker(settings, redis_client)
    with children(tmp_path) as started:
        process = started.start("worker", "-Q", "falls,plates")
        wait_until(lambda: worker.sign().get("missing"), "the worker says that a model is missing", 60)
        assert "camrec models pull yolox_nano_416" in worker.sign()["missing"]["falls"]
        assert worker.sign()["models"].keys() == {"plates"}, "the other queue goes on"
        worker.offer()
        wait_until(lambda: worker.drops().get("model_missing"), "the frame is counted", 20)

        assert camrec("pull", "yolox_nano_416", "--from", shared_data / "models").returncode == 0
        wait_until(lambda: worker.model() == "yolox_nano_416", "it heals by itself", 20)
        assert worker.sign()["missing"] == {}

        assert camrec("add", detector).returncode == 0
        assert camrec("use", "falls.person", "my_detector").returncode == 0
        wait_until(lambda: worker.model() == "my_detector", "the chosen model takes over", 20)

        own = settings.models_dir / "my_detector.onnx"
        shutil.copy(own, tmp_path / "kept.onnx")
        own.write_bytes(b"broken")
        wait_until(lambda: "falls goes on with my_detector" in started.logs(), "the broken file is refused", 20)
        assert worker.model() == "my_detector"
        assert process.poll() is None
        before = worker.drops()
        worker.offer()
        shards = [keys.observations(shard) for shard in range(8)]
        wait_until(lambda: any(redis_client.xlen(shard) for shard in shards), "frames are recognised as before", 20)
        assert worker.drops() == before, "no frame is lost"


def test_models_are_exchanged_under_load_without_losing_a_frame(
    settings: Settings, redis_client: redis.Redis, tmp_path: Path, detector: Path
) -> None:
    other = write_constant(
        tmp_path / "other.onnx", [1, 3, 64, 64], [DETECTIONS], metadata={"names": "{0: 'person'}", "task": "detect"}
    )
    for path in (detector, other):
        assert camrec("add", path).returncode == 0
    assert camrec("use", "falls.person", "my_detector").returncode == 0
    worker = Worker(settings, redis_client)
    with children(tmp_path) as started:
        started.start("worker", "-Q", "falls")
        wait_until(lambda: worker.model() == "my_detector", "the worker runs", 60)
        with worker.traffic(worker.camera.id) as sent:
            for name in ("other", "my_detector", "other"):
                assert camrec("use", "falls.person", name).returncode == 0
                wait_until(lambda name=name: worker.model() == name, f"{name} takes over", 20)
            (settings.models_dir / "other.onnx").write_bytes(b"broken")
            wait_until(lambda: "falls goes on with other" in started.logs(), "the broken file is refused", 20)
        wait_until(lambda: len(worker.seen()) + sum(worker.drops().values()) >= len(sent), "all are recognised", 20)
        # Two frames between which no worker looked are one: the second one's token finds nothing new.
        assert worker.drops().keys() <= {"duplicate"}, worker.drops()
        assert len(worker.seen()) + sum(worker.drops().values()) == len(sent)
        order = [model for model, _ in groupby(model for _, model in worker.seen())]
        assert order == ["my_detector", "other", "my_detector", "other"]


def test_a_camera_has_models_of_its_own(
    settings: Settings, redis_client: redis.Redis, tmp_path: Path, detector: Path
) -> None:
    assert camrec("add", detector).returncode == 0
    assert camrec("add", detector, "--name", "for_the_yard").returncode == 0
    assert camrec("use", "falls.person", "my_detector").returncode == 0
    worker = Worker(settings, redis_client)
    yard = worker.add("yard")
    chosen = camrec("use", "falls.person", "for_the_yard", "--camera", "yard")
    assert chosen.stdout == f"falls.person of camera {yard} yard: for_the_yard\n", chosen.stderr
    assert f"falls.person of camera {yard} yard: for_the_yard" in camrec("use").stdout
    with children(tmp_path) as started:
        started.start("worker", "-Q", "falls")
        wait_until(lambda: worker.model() == "my_detector", "the worker runs", 60)
        with worker.traffic(worker.camera.id), worker.traffic(yard):
            both = {(worker.camera.id, "my_detector"), (yard, "for_the_yard")}
            wait_until(lambda: set(worker.seen()) == both, "each camera with its own", 20)
            assert camrec("use", "falls.person", "--default", "--camera", str(yard)).returncode == 0
            wait_until(lambda: (yard, "my_detector") in worker.seen(), "as all others again", 20)
            assert camrec("use", "falls.person", "movenet_lightning_192_int8", "--camera", "yard").returncode == 1
            assert camrec("use", "falls.person", "nanodet_m_320", "--camera", "yard").returncode == 0
            missing = wait_until(lambda: worker.sign().get("missing_for_cameras"), "what is not here is told", 20)
            assert "camrec models pull nanodet_m_320" in missing["falls"][str(yard)]
        assert worker.drops().keys() <= {"duplicate"}, worker.drops()
