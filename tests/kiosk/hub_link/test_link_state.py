"""What answers is told apart: the hub, a hub that refuses, a portal, a stranger, damage, and nobody."""

from __future__ import annotations

import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import structlog.testing
import trio

from kiosk.hub_link import client
from kiosk.hub_link.client import HubLink, Unreachable
from kiosk.hub_link.http import Answer
from kiosk.hub_link.identity import Identity
from kiosk.hub_link.known_keys import KnownKeys
from kiosk.hub_link.state import PASSING, LinkState, state_of_answer
from kiosk.messages.fleet import Command, sign_hub_keys
from kiosk.messages.questions import DueQuestion
from kiosk.messages.seal import new_seal_key, new_sign_key
from kiosk.text import text
from offline_cache.errors import StoreBroken
from offline_cache.values import Values
from tests.kiosk.hub_link.conftest import HTML
from tests.matrix.link.namespaces import certificate
from tests.waiting import HANG_S, comes_true

OWN = {"content-type": "application/problem+json"}


class Watched:
    """A machine's link with all that it tells."""

    def __init__(self, kit, settings) -> None:
        self.alarms: list[tuple[str, str]] = []
        self.told: list[Any] = []
        self.obeyed: list[str] = []
        self.known = KnownKeys(
            Values(kit.store),
            kit.identity,
            seal_key=settings.seal_key,
            verify_key=settings.verify_key,
            on_alarm=lambda *said: self.alarms.append(said),
        )
        self.link = HubLink(
            settings,
            kit.identity,
            kit.clock,
            known_keys=self.known,
            on_alarm=lambda *said: self.alarms.append(said),
            on_told=self._tell,
            on_command=self._obey,
        )

    async def _tell(self, told: Any, _answer: Any) -> None:
        self.told.append(told)

    async def _obey(self, command: Command) -> None:
        self.obeyed.append(command.id)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.link.run)
            yield
            nursery.cancel_scope.cancel()

    async def becomes(self, *states: LinkState) -> LinkState:
        await comes_true(
            lambda: self.link.state in states, lambda: f"{states}; it is {self.link.state} ({self.link.detail})"
        )
        return self.link.state


@pytest.fixture
def watched(kit, settings) -> Watched:
    return Watched(kit, settings)


def flipped(name: str) -> Callable[[Any], Any]:
    """A heartbeat's answer with one member of the key statement changed on the way."""

    def change(told: Any) -> Any:
        plain = msgspec.to_builtins(told)
        other = new_seal_key().public if name == "seal_key" else new_sign_key().public
        plain["hub_keys"][name] = other if name != "signature" else "A" * 86
        return plain

    return change


@pytest.mark.parametrize("signs", [True, False], ids=["signed", "a hub one version older"])
@pytest.mark.parametrize("name", ["seal_key", "verify_key", "signature"])
async def test_a_damaged_key_statement_stops_no_filing(hub, watched: Watched, name: str, signs: bool) -> None:
    hub.signs, hub.change = signs, flipped(name)
    async with watched.running():
        await watched.becomes(LinkState.ONLINE)
    assert (watched.known.trouble, watched.alarms) == ("", [])


@pytest.mark.parametrize("value", [None, 7, [], {}, {"seal_key": 1}, "x"])
async def test_a_key_statement_of_no_form_stops_no_filing(hub, watched: Watched, value: Any) -> None:
    hub.signs, hub.change = False, lambda told: msgspec.to_builtins(told) | {"hub_keys": value}
    async with watched.running():
        await watched.becomes(LinkState.ONLINE, LinkState.NOT_A_HUB)
    assert watched.known.trouble == ""


async def test_a_stranger_with_keys_of_its_own_stops_no_filing_of_a_machine_that_knows_its_hub(
    kit, hub, settings
) -> None:
    first = Watched(kit, settings)
    async with first.running():
        await first.becomes(LinkState.ONLINE)
    seal_keys, sign_keys = new_seal_key(), new_sign_key()
    forged = sign_hub_keys("hall-0001", seal_keys.public, sign_keys.public, sign_keys.private)
    hub.signs, hub.change = False, lambda told: msgspec.structs.replace(told, hub_keys=forged)
    again = Watched(kit, settings)
    async with again.running():
        await again.becomes(LinkState.OTHER_HUB)
    assert again.known.trouble == ""
    assert [what for what, _ in again.alarms] == ["hub"]


async def test_what_the_hub_says_counts_only_when_it_has_signed_it(hub, watched: Watched) -> None:
    hub.commands = [Command("c1", "restart")]
    hub.damage = lambda content: content.replace(b"restart", b"destroy")
    async with watched.running():
        await watched.becomes(LinkState.NOT_A_HUB)
        assert (watched.told, watched.obeyed) == ([], [])
        hub.damage = lambda content: content
        await comes_true(lambda: watched.obeyed, "the command is done")
    assert watched.obeyed == ["c1"]


async def test_an_answer_to_another_heartbeat_is_none(hub, watched: Watched) -> None:
    kept: list[tuple[int, bytes, dict[str, str]]] = []
    original = hub._signed

    def the_first_again(*said: Any) -> tuple[int, bytes, dict[str, str]]:
        kept.append(original(*said))
        return kept[0]

    hub._signed = the_first_again
    async with watched.running():
        # Online for a moment only: the first heartbeat that changes the state rings for the next one.
        await comes_true(lambda: watched.told, "the first heartbeat is answered")
        watched.link._bell.set()
        await watched.becomes(LinkState.NOT_A_HUB)
    assert len(watched.told) == 1


async def test_a_disk_that_fails_while_a_heartbeat_is_made_does_not_end_the_link(hub, watched: Watched) -> None:
    failing = [StoreBroken("the disk fails")]
    describe = watched.link._describe

    def once_broken() -> Any:
        if failing:
            watched.link._bell.set()
            raise failing.pop()
        return describe()

    watched.link._describe = once_broken
    async with watched.running():
        await watched.becomes(LinkState.ONLINE)
    assert failing == []


async def test_a_hub_one_version_older_is_there_and_commands_nothing(hub, watched: Watched) -> None:
    hub.signs, hub.commands = False, [Command("c1", "restart")]
    async with watched.running():
        await watched.becomes(LinkState.ONLINE)
    assert (watched.told, watched.obeyed) == ([], [])


async def test_a_hub_one_version_newer_may_say_more_in_every_place(hub, watched: Watched) -> None:
    def more(told: Any) -> Any:
        plain = msgspec.to_builtins(told) | {"later": 1}
        plain["hub_keys"]["later"] = 1
        plain["commands"] = [{"id": "c1", "do": "restart", "arguments": {}, "later": 1}]
        return plain

    hub.change = more
    async with watched.running():
        await watched.becomes(LinkState.ONLINE)
        await comes_true(lambda: watched.obeyed == ["c1"], "the command is done")


REFUSALS = {
    "page 200 text/html": LinkState.NOT_A_HUB,
    "page 200 application/json": LinkState.NOT_A_HUB,
    "page 302 text/html": LinkState.NOT_A_HUB,
    "page 401 text/html": LinkState.NOT_A_HUB,
    "page 403 application/json": LinkState.NOT_A_HUB,
    "page 404 text/html": LinkState.NOT_A_HUB,
    "page 502 text/html": LinkState.FAILING,
    "500": LinkState.FAILING,
    "429": LinkState.FAILING,
    "401": LinkState.OTHER_MACHINE_KEY,
    "403": LinkState.NOT_ENROLLED,
    "422": LinkState.REFUSED,
}


@pytest.mark.parametrize("fault", REFUSALS)
async def test_who_refuses_is_told_with_the_true_reason_and_one_alarm(hub, watched: Watched, fault: str) -> None:
    hub.faults = [("POST /v1/heartbeats", fault)] * 2
    async with watched.running():
        state = await watched.becomes(REFUSALS[fault])
        assert not watched.link.online
        if state is not LinkState.FAILING:
            assert fault.removeprefix("page ")[:3] in watched.link.detail
    assert [what for what, _ in watched.alarms] == ["hub"]
    assert state.value in watched.alarms[0][1]


async def test_a_machine_that_was_never_enrolled_learns_it_from_the_hub(kit, hub, settings) -> None:
    pair = new_sign_key()
    watched = Watched(kit._replace(identity=Identity("hall-0009", pair.private, pair.public)), settings)
    async with watched.running():
        assert await watched.becomes(LinkState.OTHER_MACHINE_KEY, LinkState.NOT_ENROLLED)


async def test_nobody_and_somebody_who_never_answers_are_no_alarm(kit, hub, settings) -> None:
    hub.stop()
    watched = Watched(kit, settings)
    async with watched.running():
        await watched.becomes(LinkState.NO_CONNECTION)
    with trio.socket.socket() as listener:
        await listener.bind(("127.0.0.1", 0))
        listener.listen()
        place = f"http://127.0.0.1:{listener.getsockname()[1]}"
        silent = Watched(kit, settings._replace(url=place, request_timeout_s=0.2))
        async with silent.running():
            await silent.becomes(LinkState.SILENT)
    assert (watched.alarms, silent.alarms) == ([], [])


async def test_a_request_of_a_machine_that_stops_is_no_answer_that_nobody_understood(hub, watched: Watched) -> None:
    await watched.link.http.aclose()
    with structlog.testing.capture_logs() as said, trio.CancelScope() as stopping:
        stopping.cancel()
        await watched.link.http.send("GET", "/v1/time")
    assert (stopping.cancelled_caught, said) == (True, [])


async def test_a_certificate_that_nobody_vouches_for_is_not_taken_for_an_outage(kit, settings, tmp_path) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*certificate(tmp_path, "127.0.0.1"))
    (listener,) = await trio.open_ssl_over_tcp_listeners(0, server, host="127.0.0.1")
    port = listener.transport_listener.socket.getsockname()[1]
    watched = Watched(kit, settings._replace(url=f"https://127.0.0.1:{port}"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, _shake_hands, [listener])
        async with watched.running():
            await watched.becomes(LinkState.UNTRUSTED)
        nursery.cancel_scope.cancel()
    assert [what for what, _ in watched.alarms] == ["hub"]


async def _shake_hands(stream: trio.SSLStream) -> None:
    with contextlib.suppress(trio.BrokenResourceError):
        await stream.do_handshake()


def test_every_state_has_its_words_in_both_languages() -> None:
    for state in LinkState:
        words = text(f"link.{state}")
        assert words.zh
        assert words.en
        assert words.zh != words.en


def test_only_what_comes_right_by_itself_needs_nobody() -> None:
    assert {state.value for state in PASSING} == {"starting", "online", "no_connection", "silent"}


@pytest.mark.parametrize("status", range(200, 600))
def test_no_page_of_whatever_status_is_online(status: int) -> None:
    for headers in ({}, OWN, {"content-type": "text/html"}):
        for body in (b"", b"{}", HTML, b"[" * 5000, b"\xff"):
            assert state_of_answer(Answer(status, headers, body)) is not LinkState.ONLINE


def first_request(received: bytes) -> tuple[bytes, bytes]:
    """The head of the first whole request, empty while there is none, and what is left behind it."""
    head, end, rest = received.partition(b"\r\n\r\n")
    told = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    length = int(told[1]) if told else 0
    return (head, rest[length:]) if end and len(rest) >= length else (b"", received)


@asynccontextmanager
async def hung_hub(settings, *, says: bytes = b"", heartbeats: bool = False) -> AsyncIterator[Any]:
    """Accepts, reads, and never answers a question; ``says`` is all that comes. Heartbeats may be answered."""

    async def serve(stream: trio.SocketStream) -> None:
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            received = b""
            while more := await stream.receive_some(65536):
                # Head and body of a request may come one after the other: it is answered once, when it is whole.
                received += more
                asked, received = first_request(received)
                if not asked:
                    continue
                if b"/v1/questions" not in asked and heartbeats:
                    healthy = b'{"commands":[]}'
                    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                    await stream.send_all(head % len(healthy) + healthy)
                elif says:
                    await stream.send_all(says)

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        yield settings._replace(url=f"http://127.0.0.1:{listener.socket.getsockname()[1]}", request_timeout_s=HANG_S)
        nursery.cancel_scope.cancel()


HEADERS_ONLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"


@pytest.mark.parametrize("says", [b"", HEADERS_ONLY], ids=["nothing", "headers and never a body"])
async def test_a_hung_hub_keeps_nobody_for_the_whole_limit_and_the_next_one_not_at_all(
    kit, settings, monkeypatch, says: bytes
) -> None:
    """The limit of a request is as long as a hang here: what returns at all has not waited for it."""
    monkeypatch.setattr(client, "DECORATION_S", 0.3)
    monkeypatch.setattr(client, "_PROBE_TIMEOUT_S", 0.3)
    async with hung_hub(settings, says=says) as place:
        watched = Watched(kit, place)
        assert await watched.link.ask("due", DueQuestion("x"), decorates=True) == Unreachable("timeout")
        async with watched.running():
            await watched.becomes(LinkState.SILENT)
            assert await watched.link.ask("due", DueQuestion("x"), decorates=True) == Unreachable("offline")


async def test_a_hub_that_hangs_in_questions_only_costs_the_next_one_a_moment(kit, settings, monkeypatch) -> None:
    monkeypatch.setattr(client, "DECORATION_S", 0.3)
    monkeypatch.setattr(client, "SLOW_DECORATION_S", 0.01)
    async with hung_hub(settings, heartbeats=True) as place:
        watched = Watched(kit, place)
        async with watched.running():
            await watched.becomes(LinkState.ONLINE)
            assert watched.link._limit_s(decorates=True) == 0.3
            assert await watched.link.ask("due", DueQuestion("x"), decorates=True) == Unreachable("timeout")
            assert watched.link._limit_s(decorates=True) == 0.01
            assert watched.link._limit_s(decorates=False) is None, "what matters still waits"
            assert watched.link.online, "one slow answer proves no outage"
