"""`camrec recognise` and `camrec models`, as a user starts them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from inference.catalogue import load_catalogue
from tests.support.processes import camrec

pytestmark = pytest.mark.integration

DEFAULT_SET = [entry.name for entry in load_catalogue().values() if entry.default]


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CAMREC_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def json_lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def plain(text: str) -> str:
    return text.replace("O", "0")


@pytest.fixture
def pulled(data_folder: Path, shared_data: Path) -> Path:
    done = camrec("models", "pull", "--from", shared_data / "models")
    assert (done.returncode, done.stdout) == (0, "".join(f"{name}: pulled\n" for name in DEFAULT_SET)), done.stderr
    return data_folder


@pytest.mark.data
class TestRecognise:
    @pytest.mark.usefixtures("pulled")
    def test_pictures_give_a_line_each_and_an_unreadable_file_fails_at_the_end(
        self, shared_data: Path, tmp_path: Path
    ) -> None:
        cars = [shared_data / "plates" / "eu" / name for name in ("eu9.jpg", "test_001.jpg")]
        text, broken = tmp_path / "notes.txt", tmp_path / "broken.jpg"
        text.write_text("no picture")
        broken.write_bytes(cars[0].read_bytes()[:300])
        gone = tmp_path / "gone.jpg"

        done = camrec("recognise", "plates", cars[0], gone, text, broken, tmp_path, cars[1], "--json")

        lines = json_lines(done)
        assert done.returncode == 1
        assert [line["path"] for line in lines] == [str(p) for p in (cars[0], gone, text, broken, tmp_path, cars[1])]
        assert all(line["kind"] == "plates" for line in lines)
        assert ["error" in line for line in lines] == [False, True, True, True, True, False]
        assert [plain(lines[i]["detections"][0]["text"]) for i in (0, 5)] == ["W053011", "PP587A0"]
        best = lines[0]["detections"][0]
        assert best["label"] == "plate"
        assert 0 < best["score"] <= 1
        assert len(best["box"]) == 4

    @pytest.mark.usefixtures("pulled")
    def test_a_video_gives_a_line_for_each_event_and_a_summary(self, shared_data: Path) -> None:
        video = shared_data / "videos" / "gate-eu.mp4"
        done = camrec("recognise", "plates", video, "--json")

        *events, summary = json_lines(done)
        assert done.returncode == 0, done.stderr
        truth = [line.split("\t") for line in video.with_suffix(".tsv").read_text().splitlines()]
        assert [plain(line["events"][0]["text"]) for line in events] == [plain(text) for _, text in truth]
        assert all(abs(line["at"] - float(at)) < 1.5 for line, (at, _) in zip(events, truth, strict=True))
        assert all(line["detections"][0]["box"] and line["kind"] == "plates" for line in events)
        assert summary["events"] == [line["events"][0] for line in events]
        assert {e["kind"] for e in summary["events"]} == {"plate"}
        assert summary["score"] == max(e["score"] for e in summary["events"])
        # 10 frames a second, sampled at 5.
        assert summary["frames"] == pytest.approx(210, abs=2)

    @pytest.mark.usefixtures("pulled")
    def test_a_video_that_breaks_off_tells_what_came_before(self, shared_data: Path, tmp_path: Path) -> None:
        import av

        video, cut = shared_data / "videos" / "gate-eu.mp4", tmp_path / "cut.ts"
        with av.open(video) as source, av.open(cut, "w") as target:
            stream = source.streams.video[0]
            output = target.add_stream_from_template(stream)
            for packet in source.demux(stream):
                if packet.dts is not None and packet.pts is not None and packet.pts * packet.time_base < 5:
                    packet.stream = output
                    target.mux(packet)
        whole = json_lines(camrec("recognise", "plates", cut, "--json"))
        assert [plain(e["text"]) for e in whole[-1]["events"]] == ["RK605AB", "RK161AG"]

        content = bytearray(video.read_bytes())
        content[len(content) // 2 :] = b""
        (tmp_path / "half.mp4").write_bytes(content)
        done = camrec("recognise", "plates", tmp_path / "half.mp4", "--json")
        assert done.returncode == 1
        assert "error" in json_lines(done)[-1]

    @pytest.mark.usefixtures("data_folder")
    def test_for_people_there_is_a_line_of_text(self, shared_data: Path) -> None:
        done = camrec("recognise", "plates", shared_data / "plates" / "eu" / "eu9.jpg")
        assert done.returncode == 0
        assert "W053011" in plain(done.stdout)
        assert "camrec models pull" in done.stderr


@pytest.mark.usefixtures("data_folder")
class TestModels:
    def test_the_list_says_what_is_there_and_who_uses_it(self) -> None:
        done = camrec("models", "list", "--json")
        models = {m["name"]: m for m in json.loads(done.stdout)["models"]}
        assert models["hyperlpr_y5fu_320x"]["status"] == "missing"
        assert models["hyperlpr_y5fu_320x"]["used_by"] == []
        assert models["ppocr_v6_rec_small"]["status"] == "bundled"
        assert models["ppocr_v6_rec_small"]["used_by"] == ["plates"]
        assert all(m["licence"] and m["size_bytes"] > 0 and m["source"] and m["good_for"] for m in models.values())

    @pytest.mark.data
    def test_a_pulled_model_is_used(self, pulled: Path) -> None:
        models = {m["name"]: m for m in json.loads(camrec("models", "list", "--json").stdout)["models"]}
        assert models["hyperlpr_y5fu_320x"]["status"] == "pulled"
        assert models["hyperlpr_y5fu_320x"]["used_by"] == ["plates"]
        assert {path.name for path in (pulled / "models").iterdir()} == {f"{name}.onnx" for name in DEFAULT_SET}
        assert camrec("models", "pull").stdout == "".join(f"{name}: present\n" for name in DEFAULT_SET)
        assert "hyperlpr_y5fu_320x" in camrec("models", "list").stdout

    @pytest.mark.parametrize(
        ("arguments", "status", "message"),
        [
            pytest.param(["models", "pull", "hyperlpr"], 1, "No model 'hyperlpr' in the catalogue", id="no such model"),
            pytest.param(["models", "pull", "--from", "/nowhere"], 2, "'/nowhere' does not exist", id="no such folder"),
            pytest.param(["models", "pull", "--from", "."], 1, "Not found in .", id="not in the folder"),
            pytest.param(["recognise", "cats", "a.jpg"], 2, "'cats' is not one of 'plates'", id="no such recognition"),
            pytest.param(["recognise", "plates"], 2, "Missing argument 'PATH...'", id="no path"),
        ],
    )
    def test_failures_are_one_line_and_have_a_status(self, arguments: list[str], status: int, message: str) -> None:
        done = camrec(*arguments)
        assert done.returncode == status
        assert message in done.stderr
        assert "Traceback" not in done.stderr
        if status == 1:
            assert done.stderr.strip().count("\n") == 0

    @pytest.mark.parametrize("command", [["recognise"], ["models"], ["models", "list"], ["models", "pull"]])
    def test_help(self, command: list[str]) -> None:
        done = camrec(*command, "--help")
        assert done.returncode == 0
        assert done.stdout.startswith("Usage: camrec")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["plates", "x.jpg", "--regions", "XX"], "No region 'XX'. Known: AT, BE", id="unknown"),
        pytest.param(["falls", "x.mp4", "--regions", "SK"], "--regions is for plates, not for falls", id="not plates"),
    ],
)
def test_wrong_regions_are_refused(data_folder: Path, arguments: list[str], message: str) -> None:
    done = camrec("recognise", *arguments)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_regions_put_a_still_plate_right(pulled: Path, shared_data: Path) -> None:
    picture = shared_data / "plates" / "eu" / "test_036.jpg"
    (line,) = json_lines(camrec("recognise", "plates", picture, "--json", "--regions", "SK"))
    assert line["detections"][0]["text"] == "RK708AI"
