"""Who owns the store's file writes the audit chain anew, cuts or empties it: the hub's signature beside it says so."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from click.testing import CliRunner, Result

from kiosk import config as configuration
from kiosk import running
from kiosk.cli import main
from kiosk.hub_link.audit_proof import AuditProof
from kiosk.machine import Machine
from kiosk.messages.fleet import AuditProved, HeartbeatAnswer
from offline_cache.audit import Audit
from tests.kiosk.conftest import Finger, toml
from tests.waiting import comes_true

pytestmark = pytest.mark.attack(10)
SINCE = "2027-01-12T00:00:00Z"
ROWS = 5


def written_anew(db: Any, audit: Audit) -> None:
    """Every row with another actor, each digest right: a chain that is whole in itself."""
    rows = audit.rows()
    emptied(db, audit)
    for row in rows:
        audit.append("nobody", row.event, row.detail)


def cut(db: Any, _audit: Audit) -> None:
    db.execute("DELETE FROM audit WHERE seq > 3")
    db.execute("UPDATE sqlite_sequence SET seq = 3 WHERE name = 'audit'")


def emptied(db: Any, _audit: Audit) -> None:
    db.execute("DELETE FROM audit")
    db.execute("DELETE FROM sqlite_sequence WHERE name = 'audit'")


def cut_and_grown_again(db: Any, audit: Audit) -> None:
    cut(db, audit)
    for number in range(10):
        audit.append("nobody", "grown", {"n": number})


class Hall:
    """A machine whose hub keeps the head that it heard first of each length, and says so, signed."""

    def __init__(self, hub: Any, folder: Path) -> None:
        self.hub, self.folder = hub, folder
        self.config = folder / "kiosk.toml"
        keys = {"seal_key": hub.seal_keys.public, "verify_key": hub.sign_keys.public}
        self.config.write_text(toml(folder, hub={"url": hub.url, **keys}))
        self.proved: AuditProved | None = None
        hub.change = self._say

    def _say(self, told: HeartbeatAnswer) -> HeartbeatAnswer:
        return msgspec.structs.replace(told, audit_proved=self.proved)

    def built(self) -> Machine:
        machine = Machine(configuration.load(self.config), Finger())
        self.hub.machines[machine.identity.kiosk_id] = machine.identity.public_key
        return machine

    @asynccontextmanager
    async def online(self):
        """The link of a built machine, running; what it says."""
        machine = self.built()
        alarms: list[str] = []
        machine.publish = lambda event, /, **facts: alarms.append(facts["what"]) if event == "alarm" else None
        # A heartbeat that is under way still reads the store.
        with closing(machine.store):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(machine.link.run)
                try:
                    yield machine, alarms
                finally:
                    nursery.cancel_scope.cancel()

    async def worked(self) -> None:
        """A day of five rows; the hub has heard and signed the last."""
        machine = self.built()
        with closing(machine.store):
            for number in range(ROWS):
                machine.audit_log.append("tech-1", "maintenance_login", {"n": number})
            beat = machine.heartbeat()
        self.proved = AuditProved(beat.audit_head.entries, beat.audit_head.sha256, SINCE)
        async with self.online() as (machine, alarms):
            await comes_true(lambda: machine.link.online, "the hub answers")
        assert alarms == []

    def tampered(self, how: Callable[[Any, Audit], None]) -> None:
        machine = self.built()
        with closing(machine.store):
            machine.store.write(lambda: how(machine.store.db, machine.audit_log))
            assert machine.audit_log.verify() is None, "by itself the chain looks whole"

    def verified(self) -> Result:
        return CliRunner().invoke(main, ["--config", str(self.config), "audit", "verify"])


@pytest.fixture
def hall(hub: Any, tmp_path: Path) -> Hall:
    return Hall(hub, tmp_path)


async def test_verify_says_since_when_the_chain_is_proved_by_whom(hall: Hall) -> None:
    hall.built().store.close()
    done = await trio.to_thread.run_sync(hall.verified)
    assert "proved by nobody" in done.output
    await hall.worked()
    done = await trio.to_thread.run_sync(hall.verified)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        f"audit chain: unbroken, {ROWS} entries",
        f"entries 1 to {ROWS} are proved since {SINCE} by the hub at {hall.hub.url}",
    ]


@pytest.mark.parametrize(("how", "at"), [(written_anew, ROWS), (cut, 4), (emptied, 1), (cut_and_grown_again, ROWS)])
async def test_chain_that_is_whole_in_itself_and_not_the_one_that_was_signed(hall: Hall, how: Any, at: int) -> None:
    await hall.worked()
    hall.tampered(how)
    done = await trio.to_thread.run_sync(hall.verified)
    assert (done.exit_code, f"broken at row {at};" in done.output) == (1, True), done.output
    async with hall.online() as (machine, alarms):
        await comes_true(lambda: "audit" in alarms, "the machine says that the hub has another chain")
        assert machine.hub_words.audit_is_doubted


@pytest.mark.parametrize("member", ["body", "signature", "kiosk_id", "nonce"])
async def test_forged_proof_proves_nothing(hall: Hall, member: str) -> None:
    await hall.worked()
    machine = hall.built()
    with closing(machine.store):
        kept = msgspec.json.decode(machine.values.get("audit_proof", "hub"))
        forged = {"body": "e30=", "signature": "A" * 86, "kiosk_id": "k-0002", "nonce": "0" * 24}[member]
        machine.values.put("audit_proof", "hub", msgspec.json.encode({**kept, member: forged}))
    done = await trio.to_thread.run_sync(hall.verified)
    assert (done.exit_code, "proved by nobody" in done.output) == (0, True), done.output


async def test_proof_by_a_key_of_ones_own_is_named_so(hall: Hall) -> None:
    await hall.worked()
    machine = hall.built()
    with closing(machine.store):
        who = {"kiosk_id": machine.identity.kiosk_id, "suite": "std"}
        other = AuditProof(machine.values, machine.audit_log, **who, verify_key="A" * 43)
        assert other.examine()["proved_by"] == "another_key"


async def test_same_word_is_written_once(hall: Hall) -> None:
    await hall.worked()
    async with hall.online() as (machine, _):
        await comes_true(lambda: machine.link.online, "the hub answers")
        before = machine.values.kept("audit_proof", "hub").at
        await machine.link._heartbeat()
        assert machine.values.kept("audit_proof", "hub").at == before


async def test_verify_works_beside_the_running_machine(hall: Hall) -> None:
    await hall.worked()
    machine = hall.built()
    async with trio.open_nursery() as nursery:
        await nursery.start(running.run, machine)
        done = await trio.to_thread.run_sync(hall.verified)
        machine.stop()
    assert (done.exit_code, f"entries 1 to {ROWS} are proved" in done.output) == (0, True), done.output


def test_head_travels_with_every_heartbeat(hall: Hall) -> None:
    machine = hall.built()
    with closing(machine.store):
        assert machine.heartbeat().audit_head.entries == 0
        row = machine.audit_log.append("tech-1", "maintenance_login")
        head = machine.heartbeat().audit_head
        assert (head.entries, head.sha256) == (1, row.sha256)
