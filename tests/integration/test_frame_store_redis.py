"""The frame store in Redis: what expires, what is refused, and what happens while Redis is away, full or hangs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import redis

from core import keys
from core.errors import UnavailableError
from core.recognitions import ClipShape
from core.settings import Settings, load_settings
from storage.frames.jpeg_frame import HEADER_BYTES, MAGIC, FrameFormatError
from storage.frames.redis_link import TIMEOUT_S
from storage.frames.redis_store import CLIP_LIFETIME_S, FRAME_LIFETIME_S, IDLE_S, RedisFrameStore
from storage.media import encode_jpeg
from tests.support.redis_process import RedisProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

PICTURE = np.full((48, 64, 3), 90, np.uint8)
SEQ = 1_700_000_000_000_000
SHAPE = ClipShape(frames=16, least_frames=8, span_s=2.5, stride_s=0.5, width=320)


@pytest.fixture
def settings(tmp_path: Path, redis_url: str) -> Settings:
    return settings_of(tmp_path, redis_url)


def settings_of(folder: Path, frames_redis_url: str) -> Settings:
    environ = {
        "CAMREC_DATA": str(folder / "data"),
        "CAMREC_FRAME_TRANSPORT": "redis",
        "CAMREC_FRAMES_REDIS_URL": frames_redis_url,
        "CAMREC_FRAME_MEMORY": "16MB",
    }
    return load_settings(environ, env_file=folder / "no.env")


@pytest.fixture
def store(settings: Settings) -> Iterator[RedisFrameStore]:
    store = RedisFrameStore(settings)
    yield store
    store.close()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisProcess]:
    """A server that the test may kill."""
    with RedisProcess(tmp_path) as process:
        yield process


@pytest.fixture
def own_store(tmp_path: Path, own_redis: RedisProcess) -> Iterator[RedisFrameStore]:
    store = RedisFrameStore(settings_of(tmp_path, own_redis.url))
    yield store
    store.close()


def test_everything_expires(store: RedisFrameStore, redis_client: redis.Redis) -> None:
    store.write(1, PICTURE, 1.0)
    store.write_clip_picture(1, PICTURE, 1.0)
    store.evidence.keep(1, SEQ, b"picture")
    lifetimes_s = {
        keys.newest_frame(1): FRAME_LIFETIME_S,
        keys.clip_pictures(1): CLIP_LIFETIME_S,
        keys.evidence(1): 3600,
    }
    assert set(redis_client.keys("*")) == {k.encode() for k in (*lifetimes_s, keys.FRAME_SIZES, keys.EVIDENCE_SIZES)}
    assert all(lifetime_s - 5 <= redis_client.ttl(key) <= lifetime_s for key, lifetime_s in lifetimes_s.items())
    assert store.usage()[0] > 0
    for key in lifetimes_s:
        redis_client.pexpire(key, 1)
    wait_until(lambda: not redis_client.exists(*lifetimes_s), "they expire", 5)
    assert store.newest(1) is None
    assert store.sweep([1]) == set()
    assert store.usage()[0] == 0
    assert store.write(1, PICTURE, 0.5).seq == 1_000_001, "a clock that was set back meanwhile gives no seq twice"


def test_what_is_charged_is_what_is_held(store: RedisFrameStore, redis_client: redis.Redis) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 160, 3), np.uint8)
    for number in range(60):
        store.write(number % 3, noise[: 30 + number], 1.0 + number)
        store.write_clip_picture(number % 2, noise[: 90 - number], 1.0 + number)
        store.evidence.keep(number % 2, SEQ + number // 4, bytes(10 * number))
    lists = [*map(keys.newest_frame, range(3)), *map(keys.clip_pictures, range(2))]
    held = sum(len(value) for key in lists for value in redis_client.lrange(key, 0, -1))
    held += sum(len(jpeg) for n in range(2) for jpeg in redis_client.hvals(keys.evidence(n)))
    assert store.usage()[0] == held
    store.sweep(range(3))
    assert store.usage()[0] == held


def test_two_writers_never_set_seq_back(settings: Settings, store: RedisFrameStore) -> None:
    other, seqs = RedisFrameStore(settings), []
    clocks_s = {store: 1e9, other: 1e9 + 0.0305}  # capture nodes whose clocks differ
    for number in range(40):
        writer = (store, other)[number % 2]
        at_s = clocks_s[writer] + number / 100
        if writer is store and number > 0:
            with pytest.raises(UnavailableError, match="Another process writes newer frames of camera 1"):
                writer.write(1, PICTURE, at_s)
        else:
            writer.write(1, PICTURE, at_s)
        frame = store.newest(1)
        assert frame is not None
        seqs.append(frame.ref.seq)
    assert seqs == sorted(seqs)
    assert len(set(seqs)) == 21, "all of the one whose clock is ahead, and the other's first"
    other.close()


def test_many_writers_at_once_give_no_seq_twice(settings: Settings) -> None:
    stores = [RedisFrameStore(settings) for _ in range(4)]

    def write(number: int) -> int | None:
        try:
            return stores[number % 4].write(1, PICTURE, 1e9 + number // 16 / 1000).seq
        except UnavailableError:
            return None

    with ThreadPoolExecutor(8) as pool:
        seqs = [seq for seq in pool.map(write, range(400)) if seq is not None]
    frame = stores[0].newest(1)
    assert frame is not None
    assert len(seqs) == len(set(seqs)) > 25
    assert frame.ref.seq == max(seqs)
    for store in stores:
        store.close()


def test_a_writer_that_was_killed_holds_a_camera_no_longer_than_that(
    settings: Settings, store: RedisFrameStore, redis_client: redis.Redis
) -> None:
    first = store.write(1, PICTURE, 1e9)
    other = RedisFrameStore(settings)
    with pytest.raises(UnavailableError, match="Another process writes newer frames"):
        other.write(1, PICTURE, 1e9 - 60)
    redis_client.pexpire(keys.newest_frame(1), int((FRAME_LIFETIME_S - IDLE_S) * 1000))  # as if it was written then
    assert other.write(1, PICTURE, 1e9 - 60).seq == first.seq + 1
    other.close()


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        pytest.param(lambda _: b"", r"begins with b''", id="empty"),
        pytest.param(lambda _: b"\xff" * 5000, r"begins with b'\\xff.*same release", id="garbage"),
        pytest.param(lambda v: b"camrecJ9" + v[8:], r"camrecJ9.*expected b'camrecJ1'", id="another release's header"),
        pytest.param(lambda v: v[: HEADER_BYTES - 3], "same release", id="cut off in the header"),
        pytest.param(lambda v: v[:HEADER_BYTES] + b"no JPEG", "found no JPEG", id="no JPEG"),
        pytest.param(
            lambda v: v[:HEADER_BYTES] + encode_jpeg(PICTURE[:8, :8]), r"found one of \(8, 8, 3\)", id="another size"
        ),
    ],
)
def test_what_is_no_frame_is_told_and_written_over(
    store: RedisFrameStore, redis_client: redis.Redis, spoil: Callable[[bytes], bytes], complaint: str
) -> None:
    store.write(1, PICTURE, 1.0)
    key = keys.newest_frame(1)
    value = redis_client.lindex(key, 0)
    assert isinstance(value, bytes)
    assert value.startswith(MAGIC)
    redis_client.lpush(key, spoil(value))
    redis_client.lpush(keys.clip_pictures(1), *[spoil(value)] * SHAPE.frames)
    with pytest.raises(FrameFormatError, match=complaint):
        store.newest(1)
    with pytest.raises(FrameFormatError, match=complaint):
        store.clip(1, SHAPE)
    store.write(1, PICTURE, 2.0)
    frame = store.newest(1)
    assert frame is not None
    assert frame.ref.captured_at == 2.0


def test_a_key_of_another_kind_is_told(store: RedisFrameStore, redis_client: redis.Redis) -> None:
    redis_client.set(keys.newest_frame(1), b"of something else")
    for use in (lambda: store.newest(1), lambda: store.write(1, PICTURE, 1.0)):
        with pytest.raises(UnavailableError, match=r"refuses: .*WRONGTYPE"):
            use()
    store.write(2, PICTURE, 1.0)


def test_a_redis_that_is_full_says_what_to_do(own_redis: RedisProcess, own_store: RedisFrameStore) -> None:
    own_store.write(1, PICTURE, 1.0)
    with own_redis.client() as client:
        client.config_set("maxmemory", 1)
        for write in (
            lambda: own_store.write(1, PICTURE, 2.0),
            lambda: own_store.write_clip_picture(1, PICTURE, 2.0),
            lambda: own_store.evidence.keep(1, SEQ, b"picture"),
        ):
            with pytest.raises(UnavailableError, match=r"is full: its maxmemory is reached\. .*CAMREC_FRAME_MEMORY"):
                write()
        frame = own_store.newest(1)
        assert frame is not None
        assert frame.ref.captured_at == 1.0, "nothing half-written"
        client.config_set("maxmemory", 0)
    own_store.write(1, PICTURE, 3.0)


def write_s(store: RedisFrameStore, camera_id: int) -> float:
    return seconds_of(lambda: store.write(camera_id, PICTURE, time.time()))


def seconds_of(use: Callable[[], object]) -> float:
    started_s = time.monotonic()
    with pytest.raises(UnavailableError, match=r"Redis of frames cannot be used .*recording goes on"):
        use()
    return time.monotonic() - started_s


def is_back(store: RedisFrameStore) -> bool:
    try:
        return store.write(1, PICTURE, time.time()).seq > 0
    except UnavailableError:
        return False


def test_nobody_waits_for_a_redis_that_is_gone(
    own_redis: RedisProcess, own_store: RedisFrameStore, caplog: pytest.LogCaptureFixture
) -> None:
    own_store.write(1, PICTURE, time.time())
    own_redis.kill()
    with caplog.at_level(logging.INFO, "storage.frames"):
        assert sum(write_s(own_store, n % 100) for n in range(500)) < 1.0
        assert seconds_of(lambda: own_store.newest(1)) < 0.1
        assert own_store.evidence.get(1, SEQ) is None, "an alarm does not wait for its picture"
        own_redis.start()
        wait_until(lambda: is_back(own_store), "frames are written again", 5)
    said = [record.getMessage() for record in caplog.records if record.name.endswith("redis_link")]
    assert len(said) == 2
    assert said[0].startswith("The Redis of frames cannot be used")
    assert said[1] == "The Redis of frames is back"
    assert own_store.newest(1) is not None


def test_nobody_waits_long_for_a_redis_that_hangs(own_redis: RedisProcess, own_store: RedisFrameStore) -> None:
    cameras = 30
    for camera_id in range(cameras):
        own_store.write(camera_id, PICTURE, time.time())
    with own_redis.frozen(), ThreadPoolExecutor(cameras) as pool:
        assert max(pool.map(lambda n: write_s(own_store, n), range(cameras))) < TIMEOUT_S + 1
        assert sum(write_s(own_store, n) for n in range(cameras)) < 0.3
    wait_until(lambda: is_back(own_store), "frames are written again", 8)


def test_a_redis_that_comes_later_is_found(tmp_path: Path) -> None:
    server = RedisProcess(tmp_path)
    store = RedisFrameStore(settings_of(tmp_path, server.url))
    assert seconds_of(store.usage) < 1
    with server:
        wait_until(lambda: is_back(store), "it is found", 5)
    store.close()


def test_a_wrong_password_is_told_and_not_shown(tmp_path: Path, redis_url: str) -> None:
    password = "s3cretW0rd"
    url = f"redis://:{password}@{redis_url.rpartition('@')[2]}"
    store = RedisFrameStore(settings_of(tmp_path, url))
    with pytest.raises(UnavailableError, match=r"password.*CAMREC_FRAMES_REDIS_URL") as refused:
        store.write(1, PICTURE, 1.0)
    assert password not in str(refused.value)
    store.close()


def test_each_redis_is_another_store(store: RedisFrameStore, own_store: RedisFrameStore) -> None:
    assert store.identity() != own_store.identity()


def test_without_an_address_frames_go_through_the_broker(
    tmp_path: Path, redis_url: str, store: RedisFrameStore
) -> None:
    store.write(1, PICTURE, 1.0)
    environ = {
        "CAMREC_DATA": str(tmp_path),
        "CAMREC_FRAME_TRANSPORT": "redis",
        "CAMREC_REDIS_URL": redis_url,
    }
    other = RedisFrameStore(load_settings(environ, env_file=tmp_path / "no.env"))
    assert other.newest(1) is not None
    other.close()
