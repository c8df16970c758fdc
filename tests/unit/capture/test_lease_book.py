"""What a node does about leases, told round by round; and several of them on a table that all of them share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.lease_book import ENDING_TIMEOUT_S, LIFETIME_S, ORPHANED_AFTER_S, PATIENCE_S, LeaseBook, Peer
from capture.node_memory import Remembered
from core.assignment import Capacity
from tests.support.manual_clock import ManualClock

ROUND_S = 2.0
ALL = dict.fromkeys(range(1, 7), True)
OTHER = {"b": Peer(Capacity(), frozenset())}


def asking(*cameras: int) -> dict[str, Peer]:
    return {"b": Peer(Capacity(), frozenset(cameras))}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def a_book(clock: ManualClock, *cameras: int, is_alone: bool = True, most: int | None = None) -> LeaseBook:
    """That holds these."""
    book = LeaseBook("a", Capacity(most=most), Remembered(frozenset(cameras), is_alone), clock)
    book.follow(ALL)
    return book


def test_a_node_alone_takes_all_at_once(clock: ManualClock) -> None:
    book = a_book(clock)
    assert book.renewed(0.0, {}, {}, is_back=True) == set(ALL)
    book.taken(ALL)
    assert book.rights.cameras == set(ALL)
    assert book.rights.valid_until_s == LIFETIME_S


def test_is_given_up_only_for_who_asks(clock: ManualClock) -> None:
    book = a_book(clock, *ALL)
    held = dict.fromkeys(ALL, "a")
    book.renewed(0.0, held, OTHER, is_back=False)
    assert book.rights.cameras == set(ALL), "the other may not be able to read them"
    book.renewed(0.0, held, asking(1, 4, 5, 6), is_back=False)
    assert book.rights.cameras == {1, 2, 3}, "camera 1 is not for the other to have"
    assert book.due() == (set(ALL), set()), "leased until their streams have ended"
    book.ended([4, 5, 1])
    assert book.due() == ({1, 2, 3, 6}, {4, 5})
    clock.advance(ENDING_TIMEOUT_S)
    assert book.due() == ({1, 2, 3}, {4, 5, 6}), "a stream that hangs keeps no lease"


def test_asks_for_its_share_and_takes_what_is_free(clock: ManualClock) -> None:
    book = a_book(clock)
    assert book.renewed(0.0, dict.fromkeys(ALL, "b"), OTHER, is_back=True) == set()
    assert book.asks == {4, 5, 6}
    assert book.renewed(0.0, dict.fromkeys([1, 2, 3, 5], "b"), OTHER, is_back=False) == {4, 6}


def test_loses_what_others_took_while_it_was_cut_off(clock: ManualClock) -> None:
    book = a_book(clock, 1, 2, 3, is_alone=False)
    book.cut_off()
    assert book.rights.cameras == {1, 2, 3}, "recorded on"
    assert book.rights.valid_until_s < clock.monotonic(), "but not handed on"
    book.renewed(0.0, {1: "b", 2: "b", 3: "a"}, OTHER, is_back=True)
    assert book.rights.cameras == {3}


def test_asks_for_nothing_that_it_would_not_take_yet(clock: ManualClock) -> None:
    book = a_book(clock, is_alone=False)
    held = dict.fromkeys(ALL, "b")
    book.renewed(0.0, held, OTHER, is_back=True)
    assert book.asks == frozenset()
    clock.advance(PATIENCE_S)
    book.renewed(0.0, held, OTHER, is_back=False)
    assert book.asks == {4, 5, 6}


def test_first_takes_only_what_it_had_where_there_are_others(clock: ManualClock) -> None:
    book = a_book(clock, 1, is_alone=False)
    mine = {1: "a"}
    assert book.renewed(0.0, mine, {}, is_back=True) == set(), "the others may come in a moment"
    clock.advance(PATIENCE_S)
    assert book.renewed(0.0, mine, {}, is_back=False) == {2, 3, 4, 5, 6}


def test_is_not_alone_before_the_others_have_had_the_time_to_come_back(clock: ManualClock) -> None:
    """Redis comes back empty, this node is the first to ask it, and Redis is gone again."""
    book = a_book(clock, 1, 2, 3, is_alone=False)
    mine = dict.fromkeys([1, 2, 3], "a")
    book.renewed(0.0, mine, {}, is_back=True)
    book.cut_off()
    assert book.rights.cameras == {1, 2, 3}
    assert not book.known.is_alone, "nor after a restart"
    clock.advance(PATIENCE_S)
    book.renewed(0.0, mine, {}, is_back=False)
    book.cut_off()
    assert book.rights.cameras == set(ALL), "nobody came"


def test_takes_what_its_node_leaves_free(clock: ManualClock) -> None:
    book = a_book(clock, 1, 2, 3, most=4)
    held = dict.fromkeys([1, 2, 3], "a")
    assert book.renewed(0.0, held, OTHER, is_back=False) == set(), "they are for b"
    clock.advance(ORPHANED_AFTER_S)
    assert book.renewed(0.0, held, OTHER, is_back=False) == {4}, "room for one"


@pytest.mark.parametrize(
    ("cameras", "is_alone", "captured"),
    [
        pytest.param((), True, set(ALL), id="first start"),
        pytest.param((1,), True, set(ALL), id="was alone"),
        pytest.param((1, 99), False, {1}, id="one of several"),
    ],
)
def test_start_without_redis(clock: ManualClock, cameras: tuple[int, ...], is_alone: bool, captured: set[int]) -> None:
    book = a_book(clock, *cameras, is_alone=is_alone)
    book.cut_off()
    assert book.rights.cameras == captured


def test_cameras_come_and_go_while_redis_is_away(clock: ManualClock) -> None:
    book = a_book(clock, 1)
    book.cut_off()
    book.follow({1: True, 7: True})
    book.cut_off()
    assert book.rights.cameras == {1, 7}
    assert set(book.due()[0]) == {1, 2, 3, 4, 5, 6, 7}, "leased until the streams of those that are gone have ended"


def test_disabled_cameras_do_not_count(clock: ManualClock) -> None:
    book = LeaseBook("a", Capacity(most=2), Remembered(), clock)
    book.follow({1: True, 2: True, 3: False, 4: False, 5: False})
    assert book.renewed(0.0, {}, {}, is_back=True) == {1, 2, 3, 4, 5}
    book.taken({1, 2, 3, 4, 5})
    assert book.load == 2


class Cluster:
    """Nodes on one table, as `CameraLeases` and `LeaseTable` do it, with streams that end when they should."""

    def __init__(self, cameras: Iterable[int]) -> None:
        self.clock = ManualClock()
        self.cameras = dict.fromkeys(cameras, True)
        self.table: dict[int | str, tuple[str, float]] = {}
        self.books: dict[str, LeaseBook] = {}
        self.asks: dict[str, frozenset[int]] = {}
        self.capacities: dict[str, Capacity] = {}
        self.cut_off: set[str] = set()

    def join(self, node: str, weight: float) -> None:
        self.capacities[node] = Capacity(weight)
        self.books[node] = LeaseBook(node, self.capacities[node], Remembered(), self.clock)
        self.books[node].follow(self.cameras)

    def exchange(self, node: str, take: Iterable[int | str], give_up: Iterable[int | str] = ()) -> dict[int | str, str]:
        now_s = self.clock.monotonic()
        for name in give_up:
            if self.table.get(name, ("", 0.0))[0] == node:
                del self.table[name]
        live = {name: holder for name, (holder, until_s) in self.table.items() if until_s > now_s}
        for name in take:
            if live.setdefault(name, node) == node:
                self.table[name] = (node, now_s + LIFETIME_S)
        return live

    def round(self, node: str) -> None:
        book = self.books[node]
        if node in self.cut_off:
            book.cut_off()
            return
        now_s, (take, release) = self.clock.monotonic(), book.due()
        is_back = self.table.get(f"node {node}", ("", 0.0))[1] <= now_s
        live = self.exchange(node, [f"node {node}", *take], release)
        others = {n for n in self.books if f"node {n}" in live} - {node}
        peers = {n: Peer(self.capacities[n], self.asks.get(n, frozenset())) for n in others}
        holders = {name: holder for name, holder in live.items() if isinstance(name, int)}
        wanted = book.renewed(now_s, holders, peers, is_back=is_back)
        live = self.exchange(node, wanted)
        book.taken(c for c in wanted if live[c] == node)
        self.asks[node] = book.asks
        book.ended(self.cameras.keys() - book.rights.cameras)

    def let_pass(self, duration_s: float) -> None:
        """With the nodes' rounds; no frame may ever be handed on by two."""
        for _ in range(int(duration_s / ROUND_S)):
            for node in sorted(self.books):
                self.round(node)
                self.clock.advance(ROUND_S / len(self.books))
                self.check_exclusive()

    def check_exclusive(self) -> None:
        now_s = self.clock.monotonic()
        feeding = Counter(
            c for book in self.books.values() if book.rights.valid_until_s > now_s for c in book.rights.cameras
        )
        assert all(count == 1 for count in feeding.values()), feeding

    def loads(self) -> dict[str, int]:
        return {node: len(book.rights.cameras) for node, book in self.books.items()}


STEPS = st.lists(
    st.tuples(st.sampled_from(["join", "die", "cut off", "heal", "forget"]), st.sampled_from("abcd")), max_size=8
)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 12), STEPS)
def test_whatever_happens_all_cameras_are_covered_once(cameras: int, steps: list[tuple[str, str]]) -> None:
    cluster = Cluster(range(1, cameras + 1))
    cluster.join("a", 1.0)
    for what, node in steps:
        if what == "join" and node not in cluster.books:
            cluster.join(node, 1.0)
        elif what == "die" and len(cluster.books.keys() - cluster.cut_off - {node}) > 0:
            cluster.books.pop(node, None)
            cluster.cut_off.discard(node)
        elif what == "cut off" and len(cluster.books.keys() - cluster.cut_off - {node}) > 0:
            cluster.cut_off |= {node} & cluster.books.keys()
        elif what == "heal":
            cluster.cut_off.clear()
        elif what == "forget":
            cluster.table.clear()  # Redis was started anew
        cluster.let_pass(6.0)
    cluster.cut_off.clear()
    cluster.let_pass(40.0)
    captured = sorted(c for book in cluster.books.values() for c in book.rights.cameras)
    assert captured == sorted(cluster.cameras), "each camera once"
    assert max(cluster.loads().values()) - min(cluster.loads().values()) <= 1, "and evenly"


def test_cameras_of_a_dead_node_move_in_time() -> None:
    cluster = Cluster(range(1, 13))
    for node in "abc":
        cluster.join(node, 1.0)
    cluster.let_pass(12.0)
    assert set(cluster.loads().values()) == {4}
    kept = {node: cluster.books[node].rights.cameras for node in "ab"}
    del cluster.books["c"]
    cluster.let_pass(LIFETIME_S + ROUND_S)
    assert set(cluster.loads().values()) == {6}
    assert all(kept[node] <= cluster.books[node].rights.cameras for node in "ab"), "and no others"
