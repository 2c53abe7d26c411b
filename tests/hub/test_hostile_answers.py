"""Whatever answers in place of the acquirer or of a department, and however: the hub loses neither memory nor time."""

from __future__ import annotations

import asyncio
import re
import tracemalloc
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from hub import outgoing
from hub.connector.client import RemoteDepartment
from hub.gateway import DepartmentDown
from hub.payments import http_acquirer, wire
from hub.payments.acquirer import AcquirerAway
from hub.payments.http_acquirer import HttpAcquirer, Settings
from kiosk.clock import Clock
from kiosk.messages.seal import new_sign_key
from tests.hub.fixtures import TODAY
from tests.hub.strangers import certificate
from tests.kiosk.hub_link.test_bounded_answers import DEEP, Stranger, answer, bomb, peak
from tests.waiting import HANG_S

__all__ = ["peak"]
pytestmark = pytest.mark.attack(5)
KEYS, MERCHANT = new_sign_key(), new_sign_key()
ORDER = "01999999-0000-7000-8000-000000000001"
Ask = Callable[[str], Coroutine[Any, Any, Any]]


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    there = Stranger()
    yield there
    there.close()


def acquirer(url: str) -> HttpAcquirer:
    settings = Settings(url, "hub", "", KEYS.public)
    return HttpAcquirer(settings, MERCHANT.private, Clock(TODAY), "http://127.0.0.1/acquirer/notifications")


async def ask_acquirer(url: str) -> Any:
    return await acquirer(url).query(ORDER)


async def ask_department(url: str) -> Any:
    conn = cast("Any", None)
    return await RemoteDepartment("household", url, "t" * 32).facts(conn, "990101", TODAY)


ASKERS: dict[str, tuple[Ask, type[Exception]]] = {
    "acquirer": (ask_acquirer, AcquirerAway),
    "department": (ask_department, DepartmentDown),
}


@pytest.mark.parametrize("asker", ASKERS)
@pytest.mark.parametrize("coding", [b"gzip", b"gzip, gzip", b"deflate", b"x-gzip"])
def test_a_packed_answer_is_none_and_is_never_unpacked(
    stranger: Stranger, peak: Callable[[], float], asker: str, coding: bytes
) -> None:
    packed = bomb(2 if b"," in coding else 1)
    tracemalloc.reset_peak()
    stranger.say = lambda _: iter([answer(200, packed, b"Content-Encoding: " + coding)])
    ask, none = ASKERS[asker]
    with pytest.raises(none):
        asyncio.run(ask(stranger.url))
    assert peak() < 8
    assert b"accept-encoding: identity\r\n" in stranger.heads[0].lower()


@pytest.mark.parametrize("is_beside", [True, False])
def test_informational_answers_without_end_are_no_answer(stranger: Stranger, is_beside: bool) -> None:
    """They were taken in until the time-out, 4,000 at a reading, and nobody else had a turn."""

    def says(_head: bytes) -> Iterator[bytes]:
        while True:
            yield b"HTTP/1.1 100\r\n\r\n" * 1000

    stranger.say = says
    asked = outgoing.ask(outgoing.client(stranger.url, is_beside=is_beside), "GET", "/", most_bytes=9, within_s=30)
    with pytest.raises(outgoing.NoAnswer, match="ReadError"):
        asyncio.run(asked)


@pytest.mark.parametrize("asker", ASKERS)
def test_an_answer_that_drips_for_ever_is_given_up(
    stranger: Stranger, asker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each piece comes in time, and the last one never: a limit between two pieces would wait for ever."""

    def drips(_head: bytes) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"
        while True:
            yield b" "
            stranger.pause()

    monkeypatch.setattr(http_acquirer, "_WITHIN_S", 0.5, raising=False)
    monkeypatch.setattr("hub.connector.client._WITHIN_S", 0.5)
    stranger.say = drips
    ask, none = ASKERS[asker]

    async def bounded() -> None:
        async with asyncio.timeout(30):
            await ask(stranger.url)

    with pytest.raises(none):
        asyncio.run(bounded())


@pytest.mark.parametrize("asker", ASKERS)
def test_the_secrets_of_a_line_to_another_server_are_written_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asker: str
) -> None:
    certificate(tmp_path / "there.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "there.pem"))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    there = Stranger(tmp_path / "there.pem")
    there.say = lambda _: iter([answer(500, b"{}")])
    ask, none = ASKERS[asker]
    with pytest.raises(none):
        asyncio.run(ask(there.url))
    there.close()
    assert there.heads, "the system's authorities are trusted"
    assert not (tmp_path / "keys").exists()


def test_an_answer_in_chunks_of_a_byte_leaves_the_machines_their_turn(stranger: Stranger) -> None:
    chunks, turns = 20_000, 0
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    stranger.say = lambda _: iter([head + b"1\r\na\r\n" * chunks + b"0\r\n\r\n"])

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async def both() -> int:
        beside = asyncio.create_task(others())
        async with outgoing.client(stranger.url) as there:
            said = await outgoing.ask(there, "GET", "/", most_bytes=chunks, within_s=HANG_S)
        beside.cancel()
        return len(said.body)

    assert asyncio.run(both()) == chunks
    assert turns > chunks / 2


def signed(body: bytes) -> Callable[[bytes], Iterator[bytes]]:
    """What the acquirer itself answers."""

    def say(head: bytes) -> Iterator[bytes]:
        found = re.search(rb"acquirer-nonce: (\S+)", head, re.IGNORECASE)
        assert found
        headers = wire.sign_answer(200, found[1].decode(), body, KEYS.private)
        yield answer(200, body, *(f"{name}: {value}".encode() for name, value in headers.items()))

    return say


STATES = [
    DEEP,
    b'{"order":' + DEEP,
    b"[]",
    b"\xff",
    b"{}",
    b'{"order":"%s","state":"paid","amount_fen":1000}' % ORDER.encode(),
    b'{"order":"%s","state":"paid","amount_fen":1000,"trade_no":"a\\u0000b"}' % ORDER.encode(),
    b'{"order":"%s","state":"paid","amount_fen":1000,"trade_no":"%s"}' % (ORDER.encode(), b"9" * 65),
    b'{"order":"%s","state":"paid","amount_fen":-1000,"trade_no":"T1"}' % ORDER.encode(),
    b'{"order":"%s","state":"paid","amount_fen":"1000","trade_no":"T1"}' % ORDER.encode(),
    b'{"order":"%s","state":"paid","amount_fen":1000,"trade_no":"T","paid_at":"2027-01-12T10:00:00"}' % ORDER.encode(),
    b'{"order":"another","state":"paid","amount_fen":1000,"trade_no":"T1"}',
]


@pytest.mark.parametrize("body", STATES, ids=range(len(STATES)))
def test_what_the_acquirer_says_in_another_form_is_no_word(stranger: Stranger, body: bytes) -> None:
    stranger.say = signed(body)
    with pytest.raises(AcquirerAway):
        asyncio.run(ask_acquirer(stranger.url))


@pytest.mark.parametrize("body", [b"{}", b'{"pay_url":""}', b'{"pay_url":7}', b'{"pay_url":"%s"}' % (b"x" * 501), DEEP])
def test_an_order_without_a_code_to_pay_is_not_made(stranger: Stranger, body: bytes) -> None:
    stranger.say = signed(body)
    with pytest.raises(AcquirerAway):
        asyncio.run(acquirer(stranger.url).make_order(ORDER, 1000, "", Clock(TODAY).now()))


@pytest.mark.parametrize("body", [b"{}", b'{"done_at":"yesterday"}', b'{"done_at":"2027-01-12T10:00:00"}', DEEP])
def test_a_refund_without_a_time_is_not_done(stranger: Stranger, body: bytes) -> None:
    stranger.say = signed(body)
    with pytest.raises(AcquirerAway):
        asyncio.run(acquirer(stranger.url).refund("r", ORDER, 1000))


HEAD = "kind,number,order,amount_fen\n"


@pytest.mark.parametrize(
    "line",
    [
        *("pay,n,o", "pay,n,o,", "pay,n,o,１０００", "pay,n,o,1_000", "pay,n,o,-5", "pay,n,o,0", "pay,n,o,1e3"),
        *("gift,n,o,5", "pay,,o,5", "pay,n\0,o,5", "PAY,n,o,5", f"pay,{'n' * 65},o,5", f"pay,n,o,{'9' * 5000}"),
    ],
)
def test_a_line_of_the_bill_that_says_nothing_is_named_and_the_others_count(stranger: Stranger, line: str) -> None:
    stranger.say = signed(f"\ufeff{HEAD}pay,a,a,1\r\n{line}\r\nrefund,b,a,1\r\n".encode())
    bill = asyncio.run(acquirer(stranger.url).bill(TODAY))
    assert [row.number for row in bill.rows] == ["a", "b"]
    assert bill.unreadable == (3,)


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"[]", b"kind,number\n", HEAD.encode() + b'pay,"' + b"x" * 200_000, HEAD.encode("utf-16")],
)
def test_what_is_no_bill_compares_nothing(stranger: Stranger, body: bytes) -> None:
    stranger.say = signed(body)
    with pytest.raises(AcquirerAway):
        asyncio.run(acquirer(stranger.url).bill(TODAY))
