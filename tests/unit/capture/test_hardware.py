"""Decoding by hardware on machines that have none: found out quickly, and nothing is lost."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.codec.hwaccel import HWAccel
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from capture.decoder import MOST_FAILURES, CorruptError, Decoder
from capture.hardware import accelerator, find_hardware
from core.errors import BadSettingError
from core.settings import load_settings

HAS_GPU = Path("/dev/nvidiactl").exists() or Path("/dev/dri").exists()
PICTURES = 4


@pytest.fixture(scope="module")
def video() -> bytes:
    """MP4: the decoder's parameters stand beside the stream, not in it."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for level in range(PICTURES):
            frame = av.VideoFrame.from_ndarray(np.full((72, 64), 40 * level + 40, np.uint8), format="yuv420p")
            frame.pts, frame.time_base = level, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


@pytest.fixture
def stream(video: bytes) -> Iterator[VideoStream]:
    with av.open(io.BytesIO(video)) as container:
        yield container.streams.video[0]


def levels(decoder: Decoder, packets: list[Packet[VideoStream]]) -> list[int]:
    return [round(float(decoder.luma(frame).mean()), -1) for packet in packets for frame in decoder.decode(packet)]


def packets_of(stream: VideoStream) -> list[Packet[VideoStream]]:
    return list(stream.container.demux(stream))


@pytest.mark.parametrize(
    ("wanted", "level", "why"),
    [
        pytest.param("auto", "INFO", "cuda: ", id="auto"),
        pytest.param("cuda:1", "WARNING", "cuda:1: ", id="asked for"),
        pytest.param("qsv", "WARNING", "qsv: it decodes no H.264", id="a kind that decodes nothing here"),
        pytest.param("toaster", "WARNING", "toaster: this FFmpeg does not know it", id="unknown"),
    ],
)
@pytest.mark.skipif(HAS_GPU, reason="this machine may have what is looked for")
def test_hardware_that_is_not_there_is_told_once_and_software_decodes(
    wanted: str, level: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert find_hardware(wanted) is None
    (record,) = caplog.records
    assert record.levelname == level
    assert "decoded by software" in record.message
    assert why in record.message


def test_a_driver_that_crashes_or_hangs_costs_only_its_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys, time\n"
        "kind = sys.orig_argv[-1]\n"
        "if kind == 'cuda': os.kill(os.getpid(), 11)\n"
        "if kind == 'vaapi': time.sleep(600)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("capture.hardware.PROBE_TIMEOUT_S", 0.5)
    monkeypatch.setattr("capture.hardware.hwdevices_available", lambda: ["cuda", "vaapi"])
    caplog.set_level("INFO")
    assert find_hardware("auto") is None
    assert "cuda: it crashed (SIGSEGV); vaapi: it did not answer within 0.5 s" in caplog.text


def test_none_looks_for_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert find_hardware("none") is None
    assert caplog.records == []


@pytest.mark.skipif(HAS_GPU, reason="this machine may have what is looked for")
def test_a_stream_that_the_device_refuses_is_decoded_by_software(
    stream: VideoStream, caplog: pytest.LogCaptureFixture
) -> None:
    decoder = Decoder(stream, accelerator("cuda"))
    assert levels(decoder, packets_of(stream)) == [40, 80, 120, 160]
    assert caplog.text.count("decoded by software") == 1


@pytest.fixture
def falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that takes the stream, of which FFmpeg then decodes by software what it cannot."""

    def context_for(stream_context: VideoCodecContext, _: HWAccel) -> VideoCodecContext:
        context = VideoCodecContext.create(stream_context.codec, "r")
        assert isinstance(context, VideoCodecContext)
        context.extradata, context.thread_type = stream_context.extradata, "NONE"
        return context

    monkeypatch.setattr("capture.decoder.context_for", context_for)


def test_a_stream_whose_codec_the_device_does_not_know_is_told(
    stream: VideoStream, caplog: pytest.LogCaptureFixture
) -> None:
    """FFmpeg knows the device, but no H.264 on it."""
    decoder = Decoder(stream, accelerator("qsv"))
    assert levels(decoder, packets_of(stream)) == [40, 80, 120, 160]
    assert caplog.text.count("decoded by software: the hardware failed: it decodes no h264") == 1


@pytest.mark.usefixtures("falls_back")
def test_what_falls_back_to_software_is_told_once(stream: VideoStream, caplog: pytest.LogCaptureFixture) -> None:
    decoder = Decoder(stream, accelerator("cuda"))
    assert levels(decoder, packets_of(stream)) == [40, 80, 120, 160]
    assert caplog.text.count("decoded by software: the hardware cannot decode this kind") == 1


@pytest.mark.usefixtures("falls_back")
def test_a_second_decoder_sees_what_the_streams_own_would(stream: VideoStream) -> None:
    decoder = Decoder(stream, accelerator("cuda"))
    packets = packets_of(stream)
    assert levels(decoder, packets) == [40, 80, 120, 160]
    (frame,) = decoder.decode_alone(packets[0])
    assert round(float(decoder.luma(frame).mean()), -1) == 40
    assert levels(decoder, packets) == [40, 80, 120, 160], "and again after a key frame alone"


@pytest.mark.usefixtures("falls_back")
def test_hardware_that_fails_again_and_again_is_given_up(stream: VideoStream, caplog: pytest.LogCaptureFixture) -> None:
    decoder = Decoder(stream, accelerator("cuda"))
    packets = packets_of(stream)
    damaged: Packet[VideoStream] = Packet(b"\x00\x00\x00\x04\xff\xff\xff\xff")
    for _ in range(MOST_FAILURES):
        assert "by software" not in caplog.text
        with pytest.raises(CorruptError):
            decoder.decode(damaged)
    assert "decoded by software: the hardware failed" in caplog.text
    assert levels(decoder, packets) == [40, 80, 120, 160]


def test_the_picture_of_the_probe_can_be_decoded() -> None:
    from capture import hardware

    context = VideoCodecContext.create("h264", "r")
    assert isinstance(context, VideoCodecContext)
    frames = [*context.decode(Packet(hardware._GREY_PICTURE)), *context.decode(None)]
    assert [hardware._is_grey(frame) for frame in frames] == [True]


@pytest.mark.parametrize("value", ["auto", "none", "cuda", "cuda:1", "vaapi:/dev/dri/renderD129"])
def test_settings_of_hardware(value: str, tmp_path: Path) -> None:
    assert load_settings({"CAMREC_HWDEVICE": value}, tmp_path / "no.env").hwdevice == value


def test_unknown_hardware_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettingError, match="CAMREC_HWDEVICE"):
        load_settings({"CAMREC_HWDEVICE": "nvidia"}, tmp_path / "no.env")
