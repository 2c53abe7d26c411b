"""The order inside a bundle: a part is decided after those that it rests on, whatever comes first, and not without."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import psycopg
import pytest

from hub.departments import departments
from kiosk.messages import content
from kiosk.messages.content import Applicant, encode_content
from kiosk.messages.envelope import new_key
from tests.hub.fixtures import CODE, PEOPLE, TODAY, Machine, RunningHub, Sealed, paid
from tests.waiting import eventually

NUMBERS = count(1)
FEES_FEN = {"E04": 6000, "E06": 1500}
ANSWERS = {"E06": {"place": "macao", "macao": "3m_1"}, "H05": {"declaration": "lost"}}


@dataclass
class Bundle:
    """What one machine files for one person at once; a key for each part before any of them is sent."""

    hub: RunningHub
    machine: Machine
    key: str
    rests_on: dict[str, tuple[str, ...]]
    number: int = field(default_factory=lambda: next(NUMBERS))
    keys: dict[str, str] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    """What the form says otherwise than is true."""

    def __post_init__(self) -> None:
        card = {k: v for k, v in PEOPLE["chen"]["card"].items() if k in Applicant.__struct_fields__}
        self.applicant = Applicant(**{**card, "number": f"9901011978091{self.number:05}"})
        self.keys = {service: new_key() for service in self.rests_on}

    def case(self, service: str) -> Sealed:
        """A part, with what its fee needs."""
        if fee_fen := FEES_FEN.get(service):
            paid(self.hub, self.machine, self.keys[service], service, fee_fen)
        said = {
            "bundle": f"B-{self.number}",
            "bundle_key": self.key,
            "rests_on": tuple(self.keys[each] for each in self.rests_on[service]),
            **self.claims,
        }
        form = content.CaseForm(
            service, "2027.01", f"{self.number}-{service}", self.applicant, ANSWERS.get(service, {}),
            content.Identity("face", "passed", 0.31, "test"), datetime(2027, 1, 12, 2, tzinfo=UTC), slip_code=CODE,
            **said,
        )  # fmt: skip
        return self.machine.envelope("case", encode_content(form), key=self.keys[service])

    def states(self, service: str) -> list[tuple[str, list[str]]]:
        rows = self.hub.sql(
            "select data->>'state', data->'reasons' from event where envelope_key = %s and kind = 'case_state' "
            "order by id",
            self.keys[service],
        )
        return [(state, reasons or []) for state, reasons in rows]

    def decided(self, service: str) -> tuple[str, list[str]]:
        """The department's first word."""
        return eventually(lambda: self.states(service)[1:2], f"{service} is decided")[0]


@pytest.fixture(scope="module")
def one(hub: RunningHub) -> Machine:
    return hub.machine()


@pytest.fixture
def begin(hub: RunningHub, one: Machine) -> Callable[..., Bundle]:
    """A bundle of somebody with these records."""

    def make(key: str, records: dict[str, Any], **rests_on: tuple[str, ...]) -> Bundle:
        bundle = Bundle(hub, one, key, rests_on)

        card = PEOPLE["chen"]["card"] | {"number": bundle.applicant.number}

        async def settle(conn: psycopg.AsyncConnection) -> None:
            for department in departments().values():
                await department.seed(conn, [{"card": card, "records": records}])

        asyncio.run(_inside(hub.dsn, settle))
        return bundle

    return make


def permit(**more: Any) -> dict[str, Any]:
    number = f"C97{next(NUMBERS):06}"
    return {"kind": "hk_macao_permit", "number": number, "expires_on": "2031-01-01", "state": "valid", **more}


FIRST: dict[str, Any] = {"exit_entry": {"person": {"household": "home"}}}
PERMIT = {**FIRST, "documents": [permit()]}


@pytest.mark.parametrize("order", [("E04", "E06"), ("E06", "E04")])
def test_a_first_permit_and_its_endorsement_are_decided_in_their_order(
    begin: Callable[..., Bundle], hub: RunningHub, order: tuple[str, str]
) -> None:
    bundle = begin("B07", FIRST, E04=(), E06=("E04",))
    first, second = (bundle.case(service) for service in order)
    bundle.machine.deliver(first)
    if order[0] == "E06":
        eventually(lambda: not waiting_jobs(hub), "the part that came first was looked at")
        assert bundle.states("E06") == [("delivered", [])]
    bundle.machine.deliver(second)
    assert (bundle.decided("E04"), bundle.decided("E06")) == (("accepted", []), ("accepted", []))
    rows = hub.sql(
        "select envelope_key::text from event where envelope_key = any(%s::uuid[]) and data->>'state' = 'accepted' "
        "order by id",
        list(bundle.keys.values()),
    )
    assert [key for (key,) in rows] == [bundle.keys["E04"], bundle.keys["E06"]]
    promised = hub.sql("select promised_on from case_file where key = any(%s::uuid[])", list(bundle.keys.values()))
    assert promised[0] == promised[1], "it is ready with the permit"


def test_what_bridges_the_time_until_another_one_is_done_keeps_its_own_limit(
    begin: Callable[..., Bundle], hub: RunningHub
) -> None:
    bundle, here = begin("B03", {}, H03=(), H06=("H03",)), departments()["household"]
    for service in ("H03", "H06"):
        bundle.machine.deliver(bundle.case(service))
        assert bundle.decided(service) == ("accepted", [])
    days = dict(
        hub.sql(
            "select case_key::text, (promised_on, decide_on) from household.case_desk where case_key = any(%s::uuid[])",
            list(bundle.keys.values()),
        )
    )
    promised_on, decided_on = days[bundle.keys["H06"]]
    assert promised_on == decided_on < days[bundle.keys["H03"]][0], "it is there at once"

    async def refuse(conn: psycopg.AsyncConnection) -> None:
        await here.desk.move(conn, bundle.keys["H03"], "refused", TODAY, here.reached, officer="test")

    asyncio.run(_inside(hub.dsn, refuse))
    eventually(lambda: bundle.states("H06")[-1] == ("refused", ["rests_on_refused"]), "it ends with the new card")


def waiting_jobs(hub: RunningHub) -> int:
    return hub.sql("select count(*) from procrastinate_jobs where status in ('todo', 'doing')")[0][0]


async def _inside(dsn: str, work: Callable[[psycopg.AsyncConnection], Any]) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
        await work(conn)


def test_twenty_bundles_in_any_order_and_several_workers(begin: Callable[..., Bundle]) -> None:
    """The temporary card rests on the new one, which rests on the loss."""
    bundles = [begin("B03", {}, H05=(), H03=("H05",), H06=("H03",)) for _ in range(20)]
    for service in ("H06", "H05", "H03"):
        for bundle in bundles:
            bundle.machine.deliver(bundle.case(service))
    for bundle in bundles:
        assert {service: bundle.decided(service) for service in bundle.keys} == dict.fromkeys(
            ("H05", "H03", "H06"), ("accepted", [])
        )


def test_what_rests_on_a_refused_part_is_refused_with_that_reason_and_its_money_goes_back(
    begin: Callable[..., Bundle], hub: RunningHub
) -> None:
    bundle = begin("B07", PERMIT, E04=(), E06=("E04",))
    for service in ("E06", "E04"):
        bundle.machine.deliver(bundle.case(service))
    assert bundle.decided("E04") == ("not_accepted", ["no_permit_before"])
    assert bundle.decided("E06") == ("not_accepted", ["rests_on_refused"])
    rows = hub.sql("select state from payment_item where case_id = any(%s::uuid[])", list(bundle.keys.values()))
    assert rows == [("refund_due",)] * 2


@pytest.mark.parametrize(
    ("end", "wanted"), [("decided", ["macao"]), ("refused", [])], ids=["made", "refused at the desk"]
)
def test_the_endorsement_is_on_the_permit_that_is_taken_and_gone_with_one_that_is_refused(
    begin: Callable[..., Bundle], hub: RunningHub, end: str, wanted: list[str]
) -> None:
    bundle, here = begin("B07", FIRST, E04=(), E06=("E04",)), departments()["exit_entry"]
    for service in ("E04", "E06"):
        bundle.machine.deliver(bundle.case(service))
        bundle.decided(service)

    async def move(conn: psycopg.AsyncConnection) -> None:
        await here.desk.move(conn, bundle.keys["E04"], end, TODAY, here.reached, officer="test")

    asyncio.run(_inside(hub.dsn, move))
    if end == "refused":
        eventually(lambda: bundle.states("E06")[-1] == ("refused", ["rests_on_refused"]), "the endorsement is refused")
    else:
        taken = Bundle(hub, bundle.machine, "", {"E14": ()}, number=bundle.number)
        taken.machine.deliver(taken.case("E14"))
        assert taken.decided("E14") == ("accepted", [])

        async def hand_out(conn: psycopg.AsyncConnection) -> None:
            assert await here.handed_out(conn, taken.keys["E14"], TODAY)

        asyncio.run(_inside(hub.dsn, hand_out))
    rows = hub.sql("select endorsements from exit_entry.document where id_number = %s", bundle.applicant.number)
    assert [each["place"] for (granted,) in rows for each in granted] == wanted


def test_what_never_comes_is_not_waited_for_for_ever(begin: Callable[..., Bundle], hub: RunningHub) -> None:
    bundle = begin("B07", FIRST, E04=(), E06=("E04",))
    bundle.machine.deliver(bundle.case("E06"))
    hub.sql(
        "update envelope set received_at = now() - interval '1 year' where key = %s returning 1", bundle.keys["E06"]
    )
    assert bundle.decided("E06") == ("not_accepted", ["rests_on_missing"])


@pytest.mark.attack(3)
@pytest.mark.parametrize(
    "claims", [{"bundle_key": "B03"}, {"bundle_key": "B99"}, {"bundle": "B-other"}], ids=["other", "unknown", "strange"]
)
def test_a_machine_does_not_say_itself_which_checks_are_fulfilled(
    begin: Callable[..., Bundle], hub: RunningHub, claims: dict[str, str]
) -> None:
    bundle = begin("B07", FIRST, E04=(), E06=("E04",))
    bundle.machine.deliver(bundle.case("E04"))
    bundle.claims |= claims
    bundle.machine.deliver(bundle.case("E06"))
    hub.sql(
        "update envelope set received_at = now() - interval '1 year' where key = %s returning 1", bundle.keys["E06"]
    )
    state, reasons = bundle.decided("E06")
    assert (state, reasons) in (
        ("not_accepted", ["permit_valid", "permit_long_enough", "permit_chip"]),
        ("not_accepted", ["rests_on_missing"]),
    )


def test_nobody_rests_on_the_case_of_another_person(begin: Callable[..., Bundle], hub: RunningHub) -> None:
    first, other = begin("B07", FIRST, E04=()), begin("B07", FIRST, E04=(), E06=("E04",))
    first.machine.deliver(first.case("E04"))
    assert first.decided("E04") == ("accepted", [])
    other.keys["E04"], other.claims = first.keys["E04"], {"bundle": f"B-{first.number}"}
    other.machine.deliver(other.case("E06"))
    hub.sql("update envelope set received_at = now() - interval '1 year' where key = %s returning 1", other.keys["E06"])
    assert other.decided("E06") == ("not_accepted", ["rests_on_missing"])
