"""The head of a machine's audit chain travels with every heartbeat; who rewrites, cuts or empties the chain is seen."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from kiosk.clock import Clock
from kiosk.hub_link.audit_proof import AuditProof
from kiosk.hub_link.http import Answer
from kiosk.messages.fleet import AuditHead, AuditProved, Heartbeat, HeartbeatAnswer
from kiosk.messages.requests import ANSWER
from offline_cache.audit import Audit
from offline_cache.store import Store
from offline_cache.values import Values
from tests.hub.fixtures import TODAY, Machine, RunningHub
from tests.hub.test_enrolment import command, events, listed

pytestmark = pytest.mark.attack(10)


class Chain:
    """A machine's store with its audit chain, and what a heartbeat says of it."""

    def __init__(self, machine: Machine, path: Path) -> None:
        self.machine = machine
        self.store = Store.open(str(path), now=Clock(TODAY).now, ballast_mb=0, free_floor_mb=0)
        self.start()

    def start(self) -> None:
        """The process starts: what it knows of the hub's word is what lies in the store."""
        self.audit, values = Audit(self.store), Values(self.store)
        who = {"kiosk_id": self.machine.kiosk_id, "suite": "std", "verify_key": self.machine.hub.said["verify_key"]}
        self.proof = AuditProof(values, self.audit, **who)

    def grow(self, count: int, actor: str = "tech-1") -> None:
        for n in range(count):
            self.audit.append(actor, "looked", {"n": n})

    def beat(self) -> AuditProved | None:
        """One heartbeat as the machine sends it; what the hub says to have proved."""
        said = Heartbeat(audit_head=AuditHead(*self.audit.head()), audit_base=self.proof.base())
        answer = self.machine.call("POST", "/v1/heartbeats", msgspec.json.encode(said))
        assert answer.status_code == 200, answer.text
        told = msgspec.json.decode(answer.content, type=HeartbeatAnswer).audit_proved
        if told is not None:
            self.proof.keep(told, Answer(200, {ANSWER.lower(): answer.headers[ANSWER]}, answer.content, "nonce"))
        return told

    def change(self, *statements: str) -> None:
        """What somebody does who owns the file."""
        for statement in statements:
            self.store.write(lambda statement=statement: self.store.db.execute(statement))


EMPTY = ("DELETE FROM audit", "DELETE FROM sqlite_sequence WHERE name = 'audit'")


@pytest.fixture
def chain(machine: Machine, tmp_path: Path) -> Chain:
    return Chain(machine, tmp_path / "store.db")


def alarms(chain: Chain) -> list[str]:
    return [said["trouble"] for said in events(chain.machine.hub, "audit_broken", chain.machine.kiosk_id)]


def test_a_chain_that_grows_is_proved_at_each_heartbeat(chain: Chain) -> None:
    chain.grow(3)
    first = chain.beat()
    assert first is not None
    assert (first.entries, first.sha256) == chain.audit.head()
    assert abs(datetime.fromisoformat(first.at) - Clock(TODAY).now()).total_seconds() < 600
    chain.grow(2)
    grown = chain.beat()
    assert grown is not None
    assert (grown.entries, grown.sha256) == chain.audit.head()
    assert chain.beat() == grown, "nothing new: proved since then"
    chain.start()
    chain.grow(1)
    assert chain.beat() == grown, "after a start the machine first hears up to where it must show its rows"
    assert (chain.beat() or grown).entries == 6
    assert alarms(chain) == []


def test_of_each_day_one_head_stays_at_the_hub(chain: Chain) -> None:
    hub, kiosk_id = chain.machine.hub, chain.machine.kiosk_id
    kept = "select entries from audit_head where kiosk_id = %s order by entries"
    for _ in range(3):
        chain.grow(2)
        assert (chain.beat() or pytest.fail("not proved")).entries == chain.audit.head()[0]
    assert hub.sql(kept, kiosk_id) == [(6,)]
    hub.sql("update audit_head set at = at - interval '1 day' where kiosk_id = %s returning 1", kiosk_id)
    for _ in range(2):
        chain.grow(1)
        chain.beat()
    assert hub.sql(kept, kiosk_id) == [(6,), (8,)]
    emptied_and_begun_anew(chain)
    chain.beat()
    assert len(alarms(chain)) == 1


def cut(chain: Chain) -> None:
    chain.change("DELETE FROM audit WHERE seq > 3")


def emptied(chain: Chain) -> None:
    chain.change(*EMPTY)


def emptied_and_begun_anew(chain: Chain) -> None:
    chain.change(*EMPTY)
    chain.grow(2, "nobody")


def rewritten(chain: Chain) -> None:
    chain.change(*EMPTY)
    chain.grow(5, "nobody")


def rewritten_and_longer(chain: Chain) -> None:
    chain.change(*EMPTY)
    chain.grow(9, "nobody")


TAMPERINGS = (cut, emptied, emptied_and_begun_anew, rewritten, rewritten_and_longer)


@pytest.mark.parametrize("restarts", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("tamper", TAMPERINGS)
def test_a_chain_that_was_tampered_with_raises_one_alarm_and_shows_in_the_list(
    chain: Chain, tamper: object, restarts: bool
) -> None:
    hub, kiosk_id = chain.machine.hub, chain.machine.kiosk_id
    chain.grow(5)
    proved = chain.beat()
    assert callable(tamper)
    tamper(chain)
    if restarts:
        chain.start()
    for _ in range(3):
        assert chain.beat() == proved, "what was proved before stays proved"
    chain.grow(10, "nobody")
    chain.beat()
    assert len(alarms(chain)) == 1
    done = command(hub, "machine", "list", "--json")
    row = next(row for row in json.loads(done.stdout) if row["kiosk_id"] == kiosk_id)
    assert "audit chain was" in row["trouble"]
    assert done.returncode == 3


def test_a_machine_that_stops_to_show_its_rows_proves_nothing_new(chain: Chain) -> None:
    chain.grow(5)
    proved = chain.beat()
    chain.change(*EMPTY)
    chain.grow(9, "nobody")
    chain.start()
    said = msgspec.json.encode(Heartbeat(audit_head=AuditHead(*chain.audit.head())))
    answer = chain.machine.call("POST", "/v1/heartbeats", said)
    assert msgspec.json.decode(answer.content, type=HeartbeatAnswer).audit_proved == proved


def test_a_person_has_looked(chain: Chain) -> None:
    hub, kiosk_id = chain.machine.hub, chain.machine.kiosk_id
    chain.grow(5)
    chain.beat()
    emptied(chain)
    chain.beat()
    done = command(hub, "machine", "accept-audit", kiosk_id, "--by", "chief")
    assert done.returncode == 0, done.stderr
    assert listed(hub, kiosk_id)["trouble"] == ""
    assert events(hub, "audit_accepted", kiosk_id)[0]["actor"] == "supervisor:chief"
    assert (chain.beat() or AuditProved(9, "", "")).entries == 0
    again = command(hub, "machine", "accept-audit", kiosk_id)
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    "head", [{"entries": -1, "sha256": "0" * 64}, {"entries": 1, "sha256": "x"}, {"entries": 2**60, "sha256": "0" * 64}]
)
def test_what_is_no_head_is_refused_by_name(machine: Machine, head: dict) -> None:
    answer = machine.call("POST", "/v1/heartbeats", msgspec.json.encode({"audit_head": head}))
    assert answer.status_code == 422
    assert answer.json()["field"].startswith("audit_head")


def test_a_machine_of_before_says_nothing_of_its_chain(hub: RunningHub, machine: Machine) -> None:
    answer = machine.call("POST", "/v1/heartbeats", b"{}")
    assert msgspec.json.decode(answer.content, type=HeartbeatAnswer).audit_proved is None
    assert listed(hub, machine.kiosk_id)["trouble"] == ""
