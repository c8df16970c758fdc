"""Generated footage of cars with number plates: something to look at where no camera is at hand."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from app.demo.footage import write_video
from app.demo.scenery import gate_scenery, street_scenery
from app.demo.traffic import BARRIER_M, Trip, barrier_lift, gate_trips, street_trips
from app.demo.view import Camera, Canvas, polygon
from core.types import Picture

FPS = 15
WIDTH, HEIGHT = 1280, 720

View = Literal["street", "gate"]

_STREET_CAMERA = Camera((0.0, 2.6, 0.0), yaw_deg=0, pitch_deg=6.5, focal_px=1700, width=WIDTH, height=HEIGHT)
_GATE_CAMERA = Camera((1.0, 2.3, 0.0), yaw_deg=-7, pitch_deg=6.5, focal_px=1700, width=WIDTH, height=HEIGHT)
_ENCODER = {"preset": "superfast", "crf": "27"}
_NOISE = 2.2
"""Standard deviation of the sensor's noise, of 255."""
_NOISE_SHIFT_PX = 64
_CLOCK_STARTS_AT = datetime(2026, 5, 12, 8, 15, tzinfo=UTC)


def write_street(path: Path, seed: int, view: View = "street", duration_s: int = 30) -> list[str]:
    """Write a clip that can be looped: cars come and go, about one every five seconds.

    Args:
        path: the video to write (H.264, 1280x720, 15 frames per second).
        seed: another seed makes other cars, plates and houses.
        view: a ``street`` with two lanes, or the ``gate`` of a car park where cars stop.
        duration_s: length of the clip.

    Returns:
        The plates in the order in which their cars appear, without blanks.

    Raises:
        ValueError: the clip is too short for one car.
    """
    trips = street_trips(seed, duration_s) if view == "street" else gate_trips(seed, duration_s)
    write_video(path, _pictures(view, seed, trips, duration_s), FPS, options=_ENCODER)
    return [trip.car.plate for trip in trips]


def _pictures(view: View, seed: int, trips: list[Trip], duration_s: int) -> Iterator[Picture]:
    camera = _STREET_CAMERA if view == "street" else _GATE_CAMERA
    scenery = street_scenery(camera, seed) if view == "street" else gate_scenery(camera, seed)
    chance = np.random.default_rng(seed)
    # One field of noise, shifted at random: as good to the eye as a new one for each picture, and much cheaper.
    noise_size = (HEIGHT + _NOISE_SHIFT_PX, WIDTH + _NOISE_SHIFT_PX, 3)
    noise = chance.normal(0, _NOISE, noise_size).round().astype(np.int16)
    for number in range(duration_s * FPS):
        now_s = number / FPS
        canvas = Canvas(scenery.copy(), camera)
        _draw_cars(canvas, trips, now_s)
        if view == "gate":
            _draw_barrier(canvas, barrier_lift(now_s, trips))
        top, left = chance.integers(0, _NOISE_SHIFT_PX, 2)
        grainy = cv2.add(canvas.picture, noise[top : top + HEIGHT, left : left + WIDTH], dtype=cv2.CV_8U)
        picture: Picture = grainy.astype(np.uint8, copy=False)
        _draw_overlay(picture, view, now_s)
        yield picture


def _draw_cars(canvas: Canvas, trips: list[Trip], now_s: float) -> None:
    under_way = [trip for trip in trips if 0 <= now_s - trip.start_s < trip.duration_s]
    placed = [(trip.nearest_end_m(now_s - trip.start_s), trip) for trip in under_way]
    for z, trip in sorted(placed, key=lambda pair: -pair[0]):
        trip.car.draw(canvas, trip.x, z, leaving=trip.leaving)


def _draw_barrier(canvas: Canvas, lift: float) -> None:
    pivot = np.array([-2.1, 1.0, BARRIER_M])
    left, right = pivot[0] - 0.22, pivot[0] + 0.22
    post = polygon((left, 0, BARRIER_M), (right, 0, BARRIER_M), (right, 1.15, BARRIER_M), (left, 1.15, BARRIER_M))
    canvas.fill(post, (64, 150, 228))
    angle = lift * math.radians(82)
    along, across = np.array([math.cos(angle), math.sin(angle), 0]), np.array([-math.sin(angle), math.cos(angle), 0])
    for stripe in range(10):
        start, end = pivot + along * stripe * 0.37, pivot + along * (stripe + 1) * 0.37
        corners = np.array([start - across * 0.05, end - across * 0.05, end + across * 0.05, start + across * 0.05])
        canvas.fill(corners, (52, 44, 200) if stripe % 2 else (240, 240, 240))


def _draw_overlay(picture: Picture, view: View, now_s: float) -> None:
    taken_at = _CLOCK_STARTS_AT + timedelta(seconds=int(now_s))
    text = f"{view}  {taken_at:%Y-%m-%d %H:%M:%S}"
    for colour, thickness in (((20, 20, 20), 4), ((245, 245, 245), 1)):
        cv2.putText(picture, text, (24, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.7, colour, thickness, cv2.LINE_AA)
