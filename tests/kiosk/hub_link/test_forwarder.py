"""The forwarder in virtual time: a carrier that answers by script, the real outbox, the real receipts."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import trio

from kiosk.hub_link.files import FileCarrier
from kiosk.hub_link.forwarder import Forwarder
from kiosk.hub_link.outcome import Outcome
from kiosk.messages.batch import Member, write_batch
from kiosk.messages.receipts import (
    Receipt,
    parcel_named,
    receipt_bytes,
    refusal_bytes,
    sign_receipt,
    sign_refusal,
)
from kiosk.messages.seal import new_sign_key
from offline_cache.errors import StoreBroken
from offline_cache.outbox import envelope_digest

DOWN, ERROR, NONSENSE = (
    Outcome("retry", "no_connection"),
    Outcome("retry", "500", server_error=True),
    Outcome("no_answer", "html"),
)


def receipt_for(key: str, digest: str, number: int, signer: str) -> Receipt:
    return sign_receipt(key, digest, hub_seq=number, received_at="2027-01-12T00:00:00Z", private_key=signer)


class Script:
    """A carrier: ``answers[key]`` are the outcomes before the receipt; ``always`` overrides all."""

    def __init__(self, sign_key: str) -> None:
        self.sign_key = sign_key
        self.answers: dict[str, list[Outcome]] = {}
        self.always: Callable[[str], Outcome | None] = lambda key: None
        self.refused: dict[str, str] = {}
        self.tries: list[tuple[float, str, str]] = []
        self.accepted: list[str] = []
        self.in_flight: list[str] = []
        self.most_in_flight = 0
        self.delay_s = 0.1

    async def deliver(self, envelope) -> Outcome:
        digest = envelope_digest(envelope.header, envelope.signature)
        self.tries.append((trio.current_time(), envelope.key, digest))
        self.in_flight.append(envelope.key)
        self.most_in_flight = max(self.most_in_flight, len(self.in_flight))
        try:
            await trio.sleep(self.delay_s)
        finally:
            self.in_flight.remove(envelope.key)
        told = self.always(envelope.key)
        if envelope.key in self.refused:
            signer = {"private_key": self.sign_key}
            said = sign_refusal(envelope.key, digest, status=422, reason=self.refused[envelope.key], **signer)
            told = Outcome("held", f"422 {said.reason}", refusal=said)
        if told is None and self.answers.get(envelope.key):
            told = self.answers[envelope.key].pop(0)
        if told is None:
            self.accepted.append(envelope.key)
            receipt = receipt_for(envelope.key, digest, len(self.accepted), self.sign_key)
            told = Outcome("receipt", receipt=receipt_bytes(receipt))
        return told

    def times(self, key: str) -> list[float]:
        return [at for at, tried, _ in self.tries if tried == key]


class Run:
    def __init__(self, kit, hub) -> None:
        self.kit = kit
        self.script = Script(hub.sign_keys.private)
        self.changes: list[tuple[str, str]] = []
        self.alarms: list[str] = []
        self.changed = trio.Event()
        self.forwarder = self.make(hub)

    def make(self, hub, seed: int = 1, files: FileCarrier | None = None) -> Forwarder:
        return Forwarder(
            self.kit.outbox,
            files or self.script,
            files=files,
            verify_key=hub.sign_keys.public,
            monotonic=trio.current_time,
            rng=random.Random(seed),
            on_change=lambda case_id, key, kind, state: self.note(key, state),
            on_alarm=lambda what, reason: self.alarms.append(what),
            on_idle=self.kit.store.tidy,
        )

    def states(self) -> dict[str, str]:
        return {row.key: row.state for row in self.kit.outbox.rows()}

    async def until(self, done: Callable[[], bool], limit_s: float = 100_000) -> None:
        """Runs the forwarder until ``done`` holds; looks whenever something changed, so that virtual time is free."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.forwarder.run)
            with trio.fail_after(limit_s):
                while not done():
                    self.changed = trio.Event()
                    await self.changed.wait()
            nursery.cancel_scope.cancel()

    def note(self, key: str, state: str) -> None:
        self.changes.append((key, state))
        self.changed.set()

    async def drain(self, limit_s: float = 100_000) -> None:
        await self.until(lambda: self.kit.outbox.depth() == 0, limit_s)


@pytest.fixture
def run(kit, hub) -> Run:
    return Run(kit, hub)


async def test_everything_is_delivered_once_in_order_per_case(run: Run, file, autojump_clock) -> None:
    cases = {case: [file(case=case) for _ in range(3)] for case in ("A", "B", "C")}
    await run.drain()
    assert sorted(run.script.accepted) == sorted(key for keys in cases.values() for key in keys)
    for keys in cases.values():
        assert [key for key in run.script.accepted if key in keys] == keys
    assert 1 < run.script.most_in_flight <= 4
    assert {state for _, state in run.changes} == {"sending", "delivered"}


async def test_an_outage_backs_off_and_one_probe_goes_when_the_network_is_up(run: Run, file, autojump_clock) -> None:
    keys = [file() for _ in range(6)]
    run.script.always = lambda key: DOWN
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run.forwarder.run)
        await trio.sleep(3600)
        tried = len(run.script.tries)
        assert 8 <= tried <= 80, "an hour of outage is neither given up nor hammered"
        gaps = [b - a for (a, *_), (b, *_) in zip(run.script.tries[4:], run.script.tries[5:], strict=False)]
        assert max(gaps) <= 300.5
        run.script.always = lambda key: None
        before = trio.current_time()
        run.forwarder.network_up()
        while len(run.script.tries) == tried:
            await trio.sleep(0.05)
        assert trio.current_time() - before < 1
        assert len(run.script.in_flight) <= 1, "one probe, not all at once"
        while run.kit.outbox.depth():
            await trio.sleep(0.1)
        assert trio.current_time() - before < 10
        nursery.cancel_scope.cancel()
    assert sorted(run.script.accepted) == sorted(keys)


async def test_the_same_bytes_every_time(run: Run, file, autojump_clock) -> None:
    key = file()
    run.script.answers[key] = [DOWN, ERROR, NONSENSE, DOWN]
    await run.drain()
    assert len(run.script.tries) == 5
    assert len({digest for *_, digest in run.script.tries}) == 1


async def test_a_case_the_hub_refuses_is_held_and_the_others_pass(run: Run, file, autojump_clock) -> None:
    bad, after, other = file(case="A"), file(case="A"), file(case="B")
    run.script.refused = {bad: "form"}
    settled = {bad: "held", after: "stored", other: "delivered"}
    await run.until(lambda: run.states() == settled and bool(run.alarms))
    assert run.alarms == ["held"]
    assert run.kit.outbox.rows()[0].error == "422 form"
    run.script.refused = {}
    run.kit.outbox.release(1)
    await run.drain()
    assert run.script.accepted == [other, bad, after]


@pytest.mark.attack(5)
async def test_no_number_of_server_errors_holds_an_envelope_while_others_pass_and_a_person_is_called(
    run: Run, file, autojump_clock
) -> None:
    """Anybody on the way can say 5xx; only the hub's signed word holds."""
    poison = file()
    run.script.always = lambda key: ERROR if key == poison else None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run.forwarder.run)
        while len(run.script.times(poison)) < 25:
            file()
            run.forwarder.nudge()
            await trio.sleep(60)
            assert run.alarms == (["no_answer"] if len(run.script.times(poison)) >= 20 else [])
        nursery.cancel_scope.cancel()
    assert run.states()[poison] in ("stored", "sending")
    run.script.always = lambda key: None
    await run.drain()
    assert run.states()[poison] == "delivered"


@pytest.mark.attack(5)
@pytest.mark.parametrize(("named_for", "held"), [("K-1", True), ("K-2", False), ("", False)])
async def test_a_refused_parcel_holds_only_by_a_word_to_this_machine(
    run: Run, file, named_for, held, autojump_clock
) -> None:
    """What another machine was told of the same digest is nothing to this one."""
    key = file()
    claimed = run.kit.outbox.claim(0.0)
    run.kit.outbox.failed(claimed.seq, "", 0.0, 0.0)
    sha256 = claimed.parts[0].sha256
    sha256 = parcel_named(named_for.replace("K-1", run.kit.identity.kiosk_id), sha256) if named_for else sha256
    said = sign_refusal("", sha256, status=422, reason="not the bytes", private_key=run.script.sign_key)
    run.script.always = lambda _: Outcome("held", "422 not the bytes", refusal=said)
    await run.until(lambda: len(run.script.tries) >= 3 or run.states()[key] == "held")
    assert (run.states()[key] == "held") is held


async def test_a_hub_that_fails_on_everything_makes_no_poison(run: Run, file, autojump_clock) -> None:
    keys = [file(), file()]
    run.script.always = lambda key: ERROR
    await run.until(lambda: len(run.script.tries) > 60)
    assert set(run.states().values()) <= {"stored", "sending"}
    run.script.always = lambda key: None
    await run.drain()
    assert sorted(run.script.accepted) == sorted(keys)


async def test_a_half_open_way_is_not_probed_with_the_same_failure_again_and_again(
    run: Run, file, autojump_clock
) -> None:
    first, second = file(), file()
    run.script.delay_s = 0.0
    run.script.always = lambda key: DOWN if key == first or len(run.script.times(second)) == 1 else None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run.forwarder.run)
        for _ in range(6):
            await trio.sleep(0.001)
            run.forwarder.network_up()
        await trio.sleep(0.001)
        nursery.cancel_scope.cancel()
    assert run.states()[second] == "delivered"


async def test_unauthorised_pauses_the_whole_destination_with_an_alarm(run: Run, file, autojump_clock) -> None:
    keys = [file() for _ in range(8)]
    run.script.always = lambda key: Outcome("paused", "401")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run.forwarder.run)
        await trio.sleep(299)
        assert len(run.script.tries) <= 4, "what was under way, and then nothing"
        assert set(run.states().values()) == {"stored"}
        assert "paused" in run.alarms
        run.script.always = lambda key: None
        run.forwarder.network_up()
        await trio.sleep(10)
        nursery.cancel_scope.cancel()
    assert sorted(run.script.accepted) == sorted(keys)


async def test_three_answers_that_are_none_raise_one_alarm(run: Run, file, autojump_clock) -> None:
    key = file()
    run.script.answers[key] = [NONSENSE] * 5
    await run.drain()
    assert run.alarms == ["no_answer"]


async def test_one_that_nobody_takes_while_others_pass_raises_an_alarm_and_is_tried_on(
    run: Run, file, autojump_clock
) -> None:
    """What passes in between hid it: no three in a row were unanswered."""
    bad = file()
    run.script.always = lambda key: NONSENSE if key == bad else None
    for tries in range(1, 7):
        # Answered, not only sent: what a stop of the run cuts off says nothing.
        await run.until(lambda tries=tries: run.changes.count((bad, "stored")) >= tries)
        good = file()
        await run.until(lambda good=good: run.states()[good] == "delivered")
    assert run.alarms == ["no_answer"]
    assert run.states()[bad] == "stored"
    run.script.always = lambda key: None
    await run.drain()
    assert run.states()[bad] == "delivered"


@pytest.mark.parametrize("wrong", ["other key", "other digest", "signature", "other hub"])
async def test_delivered_is_said_only_after_a_receipt_of_the_hub_for_these_bytes(
    run: Run, file, wrong, autojump_clock
) -> None:
    key, other = file(), file()
    digest = run.kit.outbox.proof(key).sha256
    signer = new_sign_key().private if wrong == "other hub" else run.script.sign_key
    named = "a" * 64 if wrong == "other digest" else digest
    receipt = receipt_for(other if wrong == "other key" else key, named, 1, signer)
    body = receipt_bytes(receipt)
    if wrong == "signature":
        body = body.replace(b'"hub_seq":1', b'"hub_seq":2')
    run.script.always = lambda tried: Outcome("receipt", receipt=body) if tried == key else None
    await run.until(lambda: len(run.script.times(key)) >= 7)
    assert run.states()[key] != "delivered"
    assert "no_answer" in run.alarms
    run.script.always = lambda tried: None
    await run.drain()
    assert run.states()[key] == "delivered"


@pytest.mark.parametrize(("asked_s", "waits_s"), [(250.0, 250), (900.0, 300), (999_999_999.0, 300)])
async def test_retry_after_is_obeyed_up_to_the_cap_even_when_the_network_comes_up(
    run: Run, file, autojump_clock, asked_s: float, waits_s: int
) -> None:
    key = file()
    run.script.answers[key] = [Outcome("retry", "503", retry_after_s=asked_s, server_error=True)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run.forwarder.run)
        await trio.sleep(10)
        run.forwarder.network_up()
        await trio.sleep(1000)
        nursery.cancel_scope.cancel()
    first, second = run.script.times(key)
    assert waits_s <= second - first < waits_s + 5


async def test_a_stopped_machine_sends_the_same_again(run: Run, file, hub, autojump_clock) -> None:
    key = file()
    run.script.delay_s = 1000
    with trio.move_on_after(5):
        await run.forwarder.run()
    assert run.states()[key] == "stored"
    run.script.delay_s = 0.1
    run.forwarder = run.make(hub)
    await run.drain()
    assert run.script.accepted == [key]
    assert len({digest for *_, digest in run.script.tries}) == 1


async def test_an_attempt_that_was_broken_off_hides_nothing(run: Run, file, hub, autojump_clock) -> None:
    key = file()
    run.script.answers[key] = [Outcome("retry", "413: larger than the gateway lets through")]
    await run.until(lambda: run.kit.outbox.row(1).error is not None)
    run.script.delay_s = 1000
    run.forwarder = run.make(hub)
    with trio.move_on_after(900):
        await run.forwarder.run()
    row = run.kit.outbox.row(1)
    assert (row.state, row.attempts, row.error) == ("stored", 2, "413: larger than the gateway lets through")


async def test_a_damaged_parcel_is_held_and_the_rest_goes_on(run: Run, file, kit, autojump_clock) -> None:
    bad, good = file(b"a"), file(b"b")

    async def deliver(envelope, original=run.script.deliver) -> Outcome:
        await envelope.parcel("form")
        return await original(envelope)

    run.script.deliver = deliver
    kit.store.write(lambda: kit.store.db.execute("UPDATE parcel SET sealed = x'00' WHERE id < 512"))
    await run.drain()
    assert run.states() == {bad: "held", good: "delivered"}


async def test_a_crash_with_one_envelope_stops_nobody(run: Run, file, autojump_clock) -> None:
    key, other = file(), file()
    crashed = []

    def crash(tried: str) -> None:
        if tried == key and len(crashed) < 2:
            crashed.append(1)
            raise ZeroDivisionError

    run.script.always = crash
    await run.drain()
    assert sorted(run.script.accepted) == sorted([key, other])
    assert len(crashed) == 2


async def test_the_disk_fails_while_delivered_is_noted(run: Run, file, kit, monkeypatch, autojump_clock) -> None:
    key, failures = file(), [1, 1, 1]
    original = kit.store.write

    def write(action, **named):
        if run.script.accepted and failures:
            failures.pop()
            raise StoreBroken("the disk failed")
        return original(action, **named)

    monkeypatch.setattr(kit.store, "write", write)
    await run.drain()
    assert run.states()[key] == "delivered"
    assert set(run.script.accepted) == {key}


def fails_once(kit, monkeypatch) -> list[StoreBroken]:
    """The first time that a send's failure is to be written down, the disk fails; what has not happened yet."""
    failures, original = [StoreBroken("the disk failed")], kit.outbox.failed

    def failed(*told, **more):
        if failures:
            raise failures.pop()
        return original(*told, **more)

    monkeypatch.setattr(kit.outbox, "failed", failed)
    return failures


async def test_the_disk_fails_while_what_went_by_file_is_to_be_sent_anew(
    run: Run, file, kit, monkeypatch, autojump_clock
) -> None:
    """It was taken off the list before that was written down: nobody would have sent it before the next start."""
    key = file()
    run.script.answers[key] = [Outcome("sent")]
    fails_once(kit, monkeypatch)
    await run.drain()
    assert (run.states()[key], len(run.script.times(key))) == ("delivered", 2)


async def test_the_disk_fails_while_the_city_asks_again_for_what_went_by_file(
    run: Run, file, kit, hub, tmp_path, monkeypatch, autojump_clock
) -> None:
    """The file was read again, and found nothing on the list any more: it was sent at the next start only."""
    key = file()
    failures = fails_once(kit, monkeypatch)
    run.forwarder = run.make(hub, files=FileCarrier(tmp_path, "k", trio.current_time))
    signer = {"private_key": hub.sign_keys.private}
    said = sign_refusal(key, kit.outbox.proof(key).sha256, status=424, reason="a parcel is missing", **signer)

    async def city() -> None:
        while not any((tmp_path / "out").glob("*.tbz")):
            await trio.sleep(1)
        await trio.sleep(1)
        (tmp_path / "in").mkdir()
        write_batch(tmp_path / "in" / "a.tbz", [Member("refusals", f"{key}.json", refusal_bytes(said))])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(city)
        await run.until(lambda: kit.outbox.row(1).attempts == 2, 600)
    assert not failures


async def test_the_same_seed_is_the_same_run(run: Run, file, hub, autojump_clock) -> None:
    from kiosk.hub_link.breaker import Breaker

    def waits(seed: int) -> list[float]:
        breaker, found = Breaker(random.Random(seed), base_s=2, cap_s=300), []
        for _ in range(12):
            breaker.began()
            breaker.bad(0.0)
            found.append(breaker.wait_s(0.0))
        return found

    assert waits(1) == waits(1) != waits(2)
    assert all(0 <= wait <= min(300, 2 * 2**n) for n, wait in enumerate(waits(3)))
    assert max(waits(4)) > 60
