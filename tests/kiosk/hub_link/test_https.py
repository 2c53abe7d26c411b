"""The whole way on a real socket: store, forwarder, HTTP, a hub that keeps the contract, and what goes wrong."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
import trio

from kiosk.hub_link.carriers import CHUNK_BYTES, HttpsCarrier
from kiosk.hub_link.client import Answered, HubLink, Refused, Unreachable
from kiosk.hub_link.enrolment import EnrolmentFailed, enrol
from kiosk.hub_link.forwarder import Forwarder
from kiosk.hub_link.http import HubHttp, require_safe
from kiosk.hub_link.identity import Identity
from kiosk.hub_link.state import LinkState
from kiosk.messages import requests
from kiosk.messages.envelope import parse
from kiosk.messages.fleet import Command
from kiosk.messages.questions import ProgressQuestion
from kiosk.messages.seal import new_sign_key
from tests.waiting import HANG_S, comes_true


@pytest.fixture
async def http(kit, hub) -> AsyncIterator[HubHttp]:
    http = HubHttp(hub.url, kit.identity, kit.clock, timeout_s=0.5)
    yield http
    await http.aclose()


@pytest.fixture
def forwarder(kit, hub, http) -> Forwarder:
    return Forwarder(
        kit.outbox,
        HttpsCarrier(http, kit.clock),
        verify_key=hub.sign_keys.public,
        monotonic=trio.current_time,
        rng=random.Random(1),
        base_s=0.05,
        cap_s=0.2,
    )


async def drain(forwarder: Forwarder, kit) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(forwarder.run)
        await comes_true(lambda: not kit.outbox.depth(), "the queue is empty")
        nursery.cancel_scope.cancel()


async def test_a_case_with_parcels_reaches_the_hub_and_opens_there(hub, kit, file, forwarder) -> None:
    photo = os.urandom(700_000)
    key = file(b"the form", photo=photo)
    await drain(forwarder, kit)
    assert hub.opened(key, "form") == b"the form"
    assert hub.opened(key, "photo") == photo
    assert [method for method, path in hub.requests if path.startswith("/v1/envelopes")] == ["PUT"]
    assert max(map(len, hub.bodies)) <= CHUNK_BYTES
    proof = kit.outbox.proof(key)
    assert (proof.state, proof.receipt) == ("delivered", hub.receipts[key])


@pytest.mark.parametrize(
    "fault", ["cut", "cut answer", "late", "500", "503", "429", "408", "html", "302", "wrong signature", "204"]
)
async def test_any_fault_on_the_envelope_ends_in_one_case_and_the_same_bytes(hub, kit, file, forwarder, fault) -> None:
    key = file(b"the form")
    hub.faults = [("PUT /v1/envelopes", fault)] * 2
    await drain(forwarder, kit)
    assert hub.order == [key]
    sent = [parse(body).digest for (method, path), body in zip(
        [r for r in hub.requests if r[0] == "PUT"], hub.bodies, strict=True) if "envelopes" in path]  # fmt: skip
    assert len(sent) == 3
    assert set(sent) == {kit.outbox.proof(key).sha256}
    assert kit.outbox.rows()[0].state == "delivered"


@pytest.mark.parametrize("fault", ["cut", "cut answer", "late", "500", "503"])
async def test_a_large_parcel_goes_on_where_it_stopped(hub, kit, file, forwarder, fault) -> None:
    key = file(b"the form", photo=os.urandom(5 * CHUNK_BYTES - 100))
    digest = kit.outbox.proof(key).parts[1].sha256
    hub.faults = [(f"PUT /v1/parcels/{digest}", fault)]
    original, seen = hub.fault, []

    def third_chunk(path: str) -> str:
        seen.append(path)
        return original(path) if sum(digest in each and each.startswith("PUT") for each in seen) >= 3 else ""

    hub.fault = third_chunk
    await drain(forwarder, kit)
    chunks = [path for method, path in hub.requests if method == "PUT" and digest in path]
    assert 5 <= len(chunks) <= 6
    assert hub.order == [key]


async def test_a_hub_of_before_gets_signatures_in_its_form_and_the_newer_one_after_its_upgrade(
    hub, kit, file, forwarder
) -> None:
    hub.form = 1
    first = file(b"the form")
    await drain(forwarder, kit)
    hub.form = requests.NEWEST_FORM
    second = file(b"another form")
    await drain(forwarder, kit)
    assert hub.order == [first, second]
    forms = [form for (method, path), form in zip(hub.requests, hub.forms, strict=True) if "envelopes" in path]
    assert forms == [1, requests.NEWEST_FORM]


async def test_a_hub_that_lost_a_parcel_gets_just_that_one_again(hub, kit, file, forwarder) -> None:
    key = file(b"the form", photo=b"p" * 1000)
    form, photo = (part.sha256 for part in kit.outbox.proof(key).parts)
    original = hub._envelope

    def lose(body: bytes, public_key: str):
        if hub.parcels.pop(photo, None):
            del hub.partial[photo]
            hub._envelope = original
        return original(body, public_key)

    hub._envelope = lose
    await drain(forwarder, kit)
    puts = [path.rsplit("/", 1)[1] for method, path in hub.requests if method == "PUT"]
    assert puts == [form, photo, key, photo, key]
    assert [path.rsplit("/", 1)[1] for method, path in hub.requests if method == "HEAD"] == [photo]
    assert kit.outbox.rows()[0].attempts == 1


@pytest.mark.parametrize("status", ["400", "409", "413", "422"])
async def test_what_the_hub_refuses_for_good_is_held(hub, kit, file, forwarder, status: str) -> None:
    bad, good = file(), file()
    hub.faults = [(f"PUT /v1/envelopes/{bad}", f"signed {status}")]
    await drain(forwarder, kit)
    assert {row.key: row.state for row in kit.outbox.rows()} == {bad: "held", good: "delivered"}
    assert kit.outbox.rows()[0].error == f"{status} told to"


@pytest.mark.attack(5)
@pytest.mark.parametrize("place", ["PUT /v1/envelopes", "PUT /v1/parcels"])
@pytest.mark.parametrize(
    "page",
    [
        f"page {status} {kind}"
        for status in (200, 204, 302, 400, 409, 413, 422, 424, 500, 502)
        for kind in ("text/html", "application/problem+json")
    ],
)
async def test_a_gateways_page_for_a_while_holds_no_case(hub, kit, file, forwarder, place: str, page: str) -> None:
    """Whatever its status and whatever it calls itself: afterwards everything is delivered by itself."""
    keys = [file() for _ in range(4)]
    hub.faults = [(place, page)] * 7
    await drain(forwarder, kit)
    assert {row.key: row.state for row in kit.outbox.rows()} == dict.fromkeys(keys, "delivered")


@pytest.mark.attack(5)
@pytest.mark.parametrize("member", ["key", "sha256", "status", "reason", "signature"])
async def test_a_refusal_that_is_not_the_hubs_for_this_envelope_holds_nothing(
    hub, kit, file, forwarder, member: str
) -> None:
    key = file()
    hub.faults = [("PUT /v1/envelopes", f"forged 422 {member}")] * 4
    await drain(forwarder, kit)
    assert kit.outbox.proof(key).state == "delivered"


@pytest.mark.attack(5)
async def test_a_strangers_refusals_are_an_alarm_after_three(hub, kit, file, http) -> None:
    alarms: list[str] = []
    forwarder = Forwarder(
        kit.outbox,
        HttpsCarrier(http, kit.clock),
        verify_key=hub.sign_keys.public,
        monotonic=trio.current_time,
        rng=random.Random(1),
        base_s=0.01,
        cap_s=0.05,
        on_alarm=lambda what, _: alarms.append(what),
    )
    file()
    hub.faults = [("PUT /v1/envelopes", "page 409 text/html")] * 5
    await drain(forwarder, kit)
    assert alarms == ["no_answer"]


@pytest.mark.attack(5)
async def test_a_gateway_that_repeats_each_request_pauses_nothing(hub, kit, file, forwarder) -> None:
    file()
    hub.faults = [("PUT /v1/envelopes", "replayed")] * 4
    await drain(forwarder, kit)
    assert len(hub.order) == 1
    assert [path for method, path in hub.requests if path.startswith("/v1/envelopes")] == 5 * [
        f"/v1/envelopes/{hub.order[0]}"
    ]
    assert kit.outbox.rows()[0].attempts == 1, "signed anew at once"


async def test_the_hub_dies_and_comes_back_on_its_port(hub, kit, file, forwarder) -> None:
    first = file()
    await drain(forwarder, kit)
    hub.stop()
    keys = [file() for _ in range(5)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(forwarder.run)
        await trio.sleep(0.3)
        assert kit.outbox.depth() == 5
        hub.start()
        await comes_true(lambda: not kit.outbox.depth(), "the queue is empty")
        nursery.cancel_scope.cancel()
    assert sorted(hub.order) == sorted([first, *keys])
    chain = sorted((sent.header.seq, sent.header.prev_sha256, sent.digest) for sent in hub.received.values())
    assert [seq for seq, *_ in chain] == [1, 2, 3, 4, 5, 6]
    assert all(later[1] == former[2] for former, later in pairwise(chain))


async def test_a_machine_with_a_wrong_wall_clock_still_delivers(hub, kit, file, forwarder) -> None:
    hub.clock_offset_s = -400 * 86400
    file()
    await drain(forwarder, kit)
    assert len(hub.order) == 1


@pytest.fixture
async def link(kit, hub, settings) -> AsyncIterator[HubLink]:
    link = HubLink(settings._replace(request_timeout_s=0.5), kit.identity, kit.clock)
    yield link
    await link.http.aclose()


async def test_a_question_is_answered_sealed_and_signed(link: HubLink, hub) -> None:
    reply = await link.ask("progress", ProgressQuestion(receipt_number="R1"))
    assert isinstance(reply, Answered)
    assert reply.payload.cases == []


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        ("cut", Unreachable, "broken"),
        ("cut answer", Unreachable, "broken"),
        ("late", Unreachable, "timeout"),
        ("503", Unreachable, "server_error"),
        ("429", Unreachable, "server_error"),
        ("html", Unreachable, "nonsense"),
        ("302", Unreachable, "nonsense"),
        ("wrong signature", Unreachable, "nonsense"),
        ("page 204 text/html", Unreachable, "nonsense"),
        ("422", Refused, "422"),
        ("403", Refused, "403"),
    ],
)
async def test_expected_faults_of_a_question_are_values(link: HubLink, hub, fault, kind, reason) -> None:
    hub.faults = [("POST /v1/questions", fault)]
    reply = await link.ask("progress", ProgressQuestion(receipt_number="R1"))
    assert (type(reply), reply.reason) == (kind, reason)


async def test_online_follows_the_facts(kit, hub, settings) -> None:
    changes: list[LinkState] = []
    done: list[str] = []
    bell = trio.Event()

    def changed(state: LinkState) -> None:
        nonlocal bell
        changes.append(state)
        bell.set()

    async def obey(command: Command) -> None:
        done.append(command.id)

    hub.commands = [Command("c1", "restart")]
    link = HubLink(
        settings._replace(request_timeout_s=0.5), kit.identity, kit.clock, on_change=changed, on_command=obey
    )

    async def change() -> LinkState:
        nonlocal bell
        with trio.fail_after(HANG_S):
            await bell.wait()
        bell = trio.Event()
        return changes[-1]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.run)
        assert await change() is LinkState.ONLINE
        assert link.online
        hub.stop()
        reply = await link.ask("progress", ProgressQuestion(receipt_number="R1"))
        assert isinstance(reply, Unreachable)
        assert await change() in (LinkState.NO_CONNECTION, LinkState.SILENT)
        assert await link.ask("progress", ProgressQuestion(receipt_number="R1")) == Unreachable("offline")
        hub.start()
        assert await change() is LinkState.ONLINE
        nursery.cancel_scope.cancel()
    assert (len(changes), changes[0], changes[2]) == (3, LinkState.ONLINE, LinkState.ONLINE)
    assert done == ["c1"]


@pytest.mark.attack(5)
async def test_a_portal_that_answers_everything_is_not_a_hub(link: HubLink, hub) -> None:
    hub.faults = [("POST /v1/heartbeats", "html")]
    await link._heartbeat()
    assert not link.online
    await link._heartbeat()
    assert link.online


async def test_a_department_that_is_down_does_not_make_the_hub_offline(link: HubLink, hub) -> None:
    await link._heartbeat()
    reply = hub._reply
    own_words = {"Content-Type": "application/problem+json"}
    hub._reply = lambda call, status, content, headers: reply(call, status, content, {**headers, **own_words})
    hub.faults = [("POST /v1/questions", "503")]
    assert await link.ask("progress", ProgressQuestion(receipt_number="R1")) == Unreachable("server_error")
    assert link.online


async def test_enrolment_once_with_a_code(kit, hub) -> None:
    pair = new_sign_key()
    fresh = Identity("hall-0002", pair.private, pair.public)
    enrolled = await enrol(hub.url, "GOOD", fresh, kit.clock)
    assert (enrolled.seal_key, enrolled.verify_key) == (hub.seal_keys.public, hub.sign_keys.public)
    assert hub.machines["hall-0002"] == pair.public
    with pytest.raises(EnrolmentFailed, match="ask the city for a new code"):
        await enrol(hub.url, "USED", fresh, kit.clock)
    hub.stop()
    with pytest.raises(EnrolmentFailed, match="did not answer"):
        await enrol(hub.url, "GOOD", fresh, kit.clock)


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1:8000", "http://hub.example", "ftp://127.0.0.1", "hub", "http://127.0.0.1.example"]
)
def test_plain_http_leaves_no_machine(url: str) -> None:
    with pytest.raises(ValueError, match="https://"):
        require_safe(url)


@pytest.mark.attack(5)
@pytest.mark.parametrize("place", ["keys", "away/keys"])
async def test_the_secrets_of_the_line_are_written_nowhere(
    kit, tmp_path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / place))
    http = HubHttp("https://hub.example", kit.identity, kit.clock)
    await http.aclose()
    assert not (tmp_path / place).exists()


@pytest.mark.parametrize(
    "url", ["https://hub.example", "http://127.0.0.1:8000", "http://localhost:1", "http://[::1]:8000"]
)
def test_https_and_loopback_are_allowed(url: str) -> None:
    assert require_safe(url) is None
