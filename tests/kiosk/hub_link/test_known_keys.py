"""A wrong hub key is noticed before a case is sealed to it, and not only when the hub cannot open it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import trio

from kiosk.hub_link.client import HubLink
from kiosk.hub_link.filing import Filing, WrongHubKey
from kiosk.hub_link.identity import Identity, SuiteChanged, keep_suite
from kiosk.hub_link.known_keys import HubKeys, KnownKeys, apply
from kiosk.messages.envelope import new_key
from kiosk.messages.fleet import is_stated, key_trouble, sign_hub_keys
from kiosk.messages.seal import new_seal_key, new_sign_key
from offline_cache.audit import Audit
from offline_cache.values import Values
from tests.hub.fixtures import RunningHub, cluster, database
from tests.hub.fixtures import hub as real_hub
from tests.kiosk.hub_link.conftest import Settings
from tests.kiosk.hub_link.side import Side
from tests.waiting import comes_true

__all__ = ["cluster", "database", "real_hub"]


@pytest.fixture(params=["std", "gm"])
async def side(real_hub: RunningHub, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Side]:
    made = Side(real_hub, tmp_path, "https", request.param)
    await made.enrol()
    yield made
    await made.close()


class Watched:
    def __init__(self, side: Side, seal_key: str = "", verify_key: str = "") -> None:
        self.alarms: list[tuple[str, str]] = []
        self.side = side
        self.keys = {"seal_key": seal_key or side.seal_key, "verify_key": verify_key or side.verify_key}
        self.known = KnownKeys(
            Values(side.store), side.identity, **self.keys, on_alarm=lambda *told: self.alarms.append(told)
        )
        self.filing = Filing(
            side.outbox,
            side.identity,
            seal_key=self.keys["seal_key"],
            clock=side.clock,
            key_trouble=lambda: self.known.trouble,
        )

    async def meet_the_hub(self) -> None:
        """One heartbeat, as at the start."""
        settings = Settings(self.side.hub.url, **self.keys)
        link = HubLink(settings, self.side.identity, self.side.clock, known_keys=self.known)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(link.run)
            await comes_true(lambda: link.online or link.needs_a_person, "the hub answers")
            nursery.cancel_scope.cancel()

    async def file(self) -> None:
        key = new_key()
        await self.filing.file(kind="case", key=key, case_id=key, receipt_number=None, parts={"form": b"x"})


async def test_right_keys_are_no_trouble(side: Side) -> None:
    watched = Watched(side)
    await watched.meet_the_hub()
    await watched.file()
    assert (watched.known.trouble, watched.alarms, side.outbox.depth()) == ("", [], 1)


@pytest.mark.attack(13)
@pytest.mark.parametrize(("name", "make"), [("seal_key", new_seal_key), ("verify_key", new_sign_key)])
async def test_a_wrong_key_is_an_alarm_and_nothing_is_sealed(side: Side, name: str, make) -> None:
    watched = Watched(side, **{name: make(side.suite).public})
    await watched.meet_the_hub()
    assert watched.known.trouble == name
    assert [what for what, _ in watched.alarms] == ["hub_key"]
    with pytest.raises(WrongHubKey, match=name):
        await watched.file()
    assert side.outbox.last_seq() == 0


@pytest.mark.attack(13)
async def test_a_key_that_was_changed_wrongly_is_noticed_at_the_start_without_a_network(side: Side) -> None:
    await Watched(side).meet_the_hub()
    changed = Watched(side, seal_key=new_seal_key(side.suite).public)
    assert changed.known.trouble == "seal_key"
    with pytest.raises(WrongHubKey):
        await changed.file()
    await Watched(side).file()
    assert side.outbox.last_seq() == 1


@pytest.mark.attack(13)
def test_what_the_hub_says_to_another_machine_does_not_count() -> None:
    seal_pair, sign_pair = new_seal_key(), new_sign_key()
    said = sign_hub_keys("k-1", seal_pair.public, sign_pair.public, sign_pair.private)
    assert is_stated(said, "k-1")
    assert key_trouble(said, seal_pair.public, sign_pair.public) == ""
    assert not is_stated(said, "k-2")


def test_a_machine_that_never_met_its_hub_files(tmp_path: Path, kit) -> None:
    known = KnownKeys(Values(kit.store), kit.identity, seal_key="a", verify_key="b")
    assert known.trouble == ""
    assert Identity.load(Values(kit.store), "hall-0001") == kit.identity


def test_after_a_change_of_keys_receipts_that_were_on_their_way_still_count(kit) -> None:
    filing, forwarder, proof = SimpleNamespace(), SimpleNamespace(), SimpleNamespace()
    keys = HubKeys("new seal", "new verify", ("former verify",))
    apply(keys, filing, forwarder, proof, Audit(kit.store))
    assert (filing.seal_key, proof.verify_key) == ("new seal", "new verify")
    assert forwarder.verify_key == ("new verify", "former verify")


@pytest.mark.parametrize("waiting", [1, 2])
def test_the_suite_stays_while_anything_of_the_former_one_waits(kit, file, waiting: int) -> None:
    values = Values(kit.store)
    keep_suite(values, kit.outbox, "std")
    for _ in range(waiting):
        file()
    with pytest.raises(SuiteChanged, match=f"{waiting} envelopes"):
        keep_suite(values, kit.outbox, "gm")
    keep_suite(values, kit.outbox, "std")
