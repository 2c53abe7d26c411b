"""Whatever answers in the hub's place, and however: no process ends, no memory fills, no way is closed for long."""

from __future__ import annotations

import gzip
import random
import socket
import ssl
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio

from kiosk.clock import Clock
from kiosk.hub_link.breaker import Breaker
from kiosk.hub_link.carriers import HttpsCarrier
from kiosk.hub_link.client import HubLink, Refused, Unreachable
from kiosk.hub_link.forwarder import Forwarder
from kiosk.hub_link.http import ANSWER_LIMIT_BYTES, Answer, HubHttp, NoAnswer
from kiosk.hub_link.outcome import outcome_of, retry_after_s
from kiosk.hub_link.state import LinkState
from kiosk.messages.questions import ProgressQuestion
from kiosk.messages.seal import new_sign_key
from kiosk.timekeeping import Timekeeper
from offline_cache.values import Values
from tests.kiosk.hub_link.conftest import Kit, Settings
from tests.waiting import HANG_S, comes_true

pytestmark = pytest.mark.attack(5)
MB = 2**20
PROBLEM = b"Content-Type: application/problem+json"
DEEP = b"[" * 100_000
DEEP_WHOLE = b'{"title":' * 900 + b"1" + b"}" * 900


class Stranger:
    """Answers every request by what ``say`` gives for it, piece by piece, and closes. ``pem``: by TLS."""

    def __init__(self, pem: Path | None = None) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if pem else None
        if self._tls and pem:
            self._tls.load_cert_chain(pem)
        self.say: Callable[[bytes], Iterator[bytes]] = lambda _head: iter(())
        self.heads: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'https' if pem else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._stop = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        self._stop.set()
        self._listener.close()

    def pause(self) -> None:
        self._stop.wait(0.02)

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError), self._tls.wrap_socket(connection, True) if self._tls else connection as connection:
            head = b""
            while b"\r\n\r\n" not in head:
                more = connection.recv(65536)
                if not more:
                    return
                head += more
            self.heads.append(head)
            for piece in self.say(head):
                if self._stop.is_set():
                    return
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass


def answer(status: int, body: bytes, *headers: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} Said".encode(), b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    there = Stranger()
    yield there
    there.close()


@pytest.fixture
async def http(stranger: Stranger, kit: Kit):
    client = HubHttp(stranger.url, kit.identity, kit.clock, timeout_s=HANG_S)
    yield client
    await client.aclose()


async def no_answer(http: HubHttp, **limits: float) -> str:
    with pytest.raises(NoAnswer) as error:
        await http.send("GET", "/v1/catalogue", **limits)
    return error.value.reason


@pytest.fixture
def peak(record_property: Callable[[str, object], None]) -> Iterator[Callable[[], float]]:
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1] / MB
    record_property("peak_mb", round(tracemalloc.get_traced_memory()[1] / MB, 1))
    tracemalloc.stop()


def bomb(rounds: int) -> bytes:
    packed = gzip.compress(bytes(64 * MB))
    for _ in range(rounds - 1):
        packed = gzip.compress(packed)
    return packed


@pytest.mark.parametrize(
    "coding", [b"gzip", b"gzip, gzip", b"deflate", b"br", b"zstd", b"x-gzip", b"GZIP", b"identity, gzip"]
)
async def test_packed_answer_is_none_and_is_never_unpacked(
    http: HubHttp, stranger: Stranger, peak: Callable[[], float], coding: bytes
) -> None:
    packed = bomb(2 if b"," in coding else 1)
    tracemalloc.reset_peak()
    stranger.say = lambda _: iter([answer(200, packed, b"Content-Encoding: " + coding)])
    assert await no_answer(http) == "packed"
    assert peak() < 8
    assert b"accept-encoding: identity\r\n" in stranger.heads[0].lower()


async def test_answer_that_says_it_is_not_packed_is_taken(http: HubHttp, stranger: Stranger) -> None:
    stranger.say = lambda _: iter([answer(200, b"{}", b"Content-Encoding: identity")])
    assert (await http.send("GET", "/healthz")).body == b"{}"


def endless(head: bytes, piece: bytes) -> Callable[[bytes], Iterator[bytes]]:
    def say(_: bytes) -> Iterator[bytes]:
        yield head
        while True:
            yield piece

    return say


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS = {
    "body": (endless(b"HTTP/1.1 200 OK\r\n\r\n", bytes(65536)), "too_long"),
    "chunks": (endless(CHUNKED, b"10000\r\n" + bytes(65536) + b"\r\n"), "too_long"),
    "header": (endless(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65536), "broken"),
    "headers": (endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000), "broken"),
    "informational answers": (endless(b"", b"HTTP/1.1 100\r\n\r\n" * 1000), "broken"),
    "status line": (endless(b"HTTP/1.1 200 ", b"O" * 65536), "broken"),
    "chunk header": (endless(CHUNKED, b"1;" * 1000), "broken"),
    "trailers": (endless(CHUNKED + b"0\r\n", b"X: y\r\n" * 1000), "broken"),
}


@pytest.mark.parametrize(("say", "reason"), ENDLESS.values(), ids=ENDLESS.keys())
async def test_answer_without_end_is_given_up(
    http: HubHttp, stranger: Stranger, peak: Callable[[], float], say: Callable[[bytes], Iterator[bytes]], reason: str
) -> None:
    stranger.say = say
    assert await no_answer(http) == reason
    assert peak() < 8


async def test_answer_in_chunks_of_a_byte_leaves_the_others_their_turn(http: HubHttp, stranger: Stranger) -> None:
    """One reading of the network held 11,000 of them: the screen stood still for more than a second."""
    chunks, turns = 20_000, 0
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    stranger.say = lambda _: iter([head + b"1\r\na\r\n" * chunks + b"0\r\n\r\n"])

    async def others() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(others)
        assert len((await http.send("GET", "/")).body) == chunks
        nursery.cancel_scope.cancel()
    assert turns > chunks / 2


async def test_answer_may_be_as_long_as_its_asker_expects(http: HubHttp, stranger: Stranger) -> None:
    stranger.say = lambda _: iter([answer(200, b"x" * (2 * ANSWER_LIMIT_BYTES))])
    assert await no_answer(http) == "too_long"
    assert len((await http.send("GET", "/", limit_bytes=2 * ANSWER_LIMIT_BYTES)).body) == 2 * ANSWER_LIMIT_BYTES


def dripping(whole: bytes, stranger: Stranger) -> Callable[[bytes], Iterator[bytes]]:
    def say(_: bytes) -> Iterator[bytes]:
        for byte in whole:
            stranger.pause()
            yield bytes([byte])

    return say


@pytest.mark.parametrize(
    "whole",
    [answer(200, b"x" * 10_000), b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 9000, b"HTTP/1.1 100 Continue\r\n\r\n" * 9000],
    ids=["body", "headers", "informational answers"],
)
async def test_answer_that_drips_has_one_time_limit_for_all_of_it(
    http: HubHttp, stranger: Stranger, whole: bytes
) -> None:
    stranger.say = dripping(whole, stranger)
    assert await no_answer(http, timeout_s=0.3) == "timeout"


LOCATIONS = [
    *(b"/", b"http://", b"http://[::", b"http://\xff\xfe", b"//", b"http://a:99999999999/"),
    *(b"\x01", b"http://xn--/", b"x" * 60_000),
]


@pytest.mark.parametrize("location", LOCATIONS, ids=[repr(each[:20]) for each in LOCATIONS])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirection_is_not_followed(http: HubHttp, stranger: Stranger, status: int, location: bytes) -> None:
    stranger.say = lambda _: iter([answer(status, b"", b"Location: " + location)])
    with suppress(NoAnswer):  # the library does not like every address
        assert (await http.send("GET", "/healthz")).status == status
    assert len(stranger.heads) == 1


async def test_nothing_that_answered_is_sent_back_to_it(http: HubHttp, stranger: Stranger) -> None:
    stranger.say = lambda _: iter([answer(200, b"{}", *[b"Set-Cookie: c%d=1" % n for n in range(500)])])
    await http.send("GET", "/healthz")
    await http.send("GET", "/healthz")
    assert b"cookie" not in stranger.heads[1].lower()


NONSENSE = {
    "nothing": b"",
    "not HTTP": b"SSH-2.0-Nobody\r\n",
    "HTTP/0.9": b"<html>",
    "status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "length of 5000 digits": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "cut": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nxx",
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "NUL in a header": b"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n",
    "another transfer coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
}


@pytest.mark.parametrize("said", NONSENSE.values(), ids=NONSENSE.keys())
async def test_what_is_no_answer_is_broken(http: HubHttp, stranger: Stranger, said: bytes) -> None:
    stranger.say = lambda _: iter([said])
    got = None
    with suppress(NoAnswer):  # an empty 101 may count as an answer: it has a status
        got = await http.send("GET", "/healthz")
    assert got is None or got.status == 101


BODIES = {
    "nested 100,000 deep": DEEP,
    "nested 900 deep": DEEP_WHOLE,
    "number of 5000 digits": b'{"title":' + b"1" * 5000 + b"}",
    "half a surrogate": b'{"title":"\\ud800"}',
    "not UTF-8": b'{"title":"\xff"}',
    "a list": b"[1]",
    "null": b"null",
    "cut": b'{"title":"x',
    "NaN": b'{"title":NaN}',
    "title that is a table": b'{"title":{"a":[1]},"detail":7,"type":[]}',
    "megabyte of a title": b'{"title":"' + b"x" * 1_000_000 + b'"}',
    "nothing": b"",
}
STATUSES = (200, 201, 400, 401, 403, 404, 409, 413, 422, 424, 429, 500, 503)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
async def test_body_of_an_answer_ends_nothing(
    stranger: Stranger, settings: Settings, kit: Kit, body: bytes, status: int
) -> None:
    """Heartbeat, question and envelope, each answered by this."""
    stranger.say = lambda _: iter([answer(status, body, PROBLEM)])
    link = HubLink(settings._replace(url=stranger.url), kit.identity, kit.clock)
    beaten = len(stranger.heads)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.run)
        await comes_true(lambda: link.state not in (LinkState.STARTING, LinkState.ONLINE), "a judgement")
        assert len(stranger.heads) > beaten
        link.state = LinkState.STARTING
        assert isinstance(await link.ask("progress", ProgressQuestion(receipt_number="1")), (Unreachable, Refused))
        outcome = outcome_of(Answer(status, {"content-type": "application/problem+json"}, body), kit.clock.now())
        assert outcome.meaning in ("no_answer", "retry", "missing", "paused")
        nursery.cancel_scope.cancel()


NOW = datetime(2027, 1, 12, tzinfo=UTC)
RETRIES = [
    "999999999",
    "1000000000",
    "9" * 5000,
    "-1",
    "1e9",
    "NaN",
    "inf",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "1 Jan 2028 0:0:0 +999999999999999",
    "1 Jan 2028 0:0:0 +99999999",
    "\x00",
    "１００",
    " , ",
    "x" * 100_000,
]


@pytest.mark.parametrize("value", RETRIES, ids=[each[:20] for each in RETRIES])
def test_time_that_is_asked_for_closes_the_way_up_to_the_cap_only(value: str) -> None:
    wanted = retry_after_s(value, NOW)
    for fail in (Breaker.server_error, Breaker.bad):
        breaker = Breaker(random.Random(1), base_s=2, cap_s=300)
        fail(breaker, 100.0, wanted)
        assert (breaker.wait_s(100.0) or 0.0) <= 300
        breaker.try_now(100.0)
        assert (breaker.wait_s(100.0) or 0.0) <= 300


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
async def test_envelope_waits_up_to_the_cap_only(kit: Kit, stranger: Stranger, file, status: int) -> None:
    file()
    stranger.say = lambda _: iter([answer(status, b"{}", b"Retry-After: 999999999", PROBLEM)])
    http = HubHttp(stranger.url, kit.identity, kit.clock)
    forwarder = Forwarder(
        kit.outbox,
        HttpsCarrier(http, kit.clock),
        verify_key=new_sign_key().public,
        monotonic=kit.clock.monotonic,
        rng=random.Random(1),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(forwarder.run)
        await comes_true(
            lambda: kit.outbox.rows(kit.clock.monotonic())[0].next_try_in_s, "the first try has failed, the next is due"
        )
        now = kit.clock.monotonic()
        assert kit.outbox.rows(now)[0].next_try_in_s <= 300
        assert forwarder._ways[0].breaker.wait_s(now) <= 300
        nursery.cancel_scope.cancel()
    await http.aclose()


@pytest.mark.parametrize(
    "now", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2027-W01", "\0"]
)
async def test_time_that_the_hub_has_signed_does_not_lead_out_of_the_calendar(kit: Kit, now: str) -> None:
    clock = Clock()
    keeper = Timekeeper(clock, Values(kit.store))
    before = clock.now()
    keeper.hub_says(now)
    keeper.receipt_says(now)
    assert abs((clock.now() - before).total_seconds()) < HANG_S
    assert keeper.look() is None
