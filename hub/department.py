"""What a department system does for the hub, and the parts that every small reference system shares."""

from __future__ import annotations

import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, LiteralString

import msgspec
from msgspec.structs import replace
from psycopg import AsyncConnection
from psycopg.sql import SQL, Composed, Identifier
from psycopg.types.json import Jsonb

from hub.certificates import Asked, Sealed
from hub.desk import Desk, Plan, StageEvent, Standing
from hub.working_days import Promise, promised
from kiosk import shapes
from kiosk.catalogue.model import Limit, Service
from kiosk.catalogue.rules import (
    OF_AGE,
    failed_checks,
    fees_due,
    is_collected,
    is_due,
    limits_for,
    said_as_facts,
    unfit,
    unfit_second,
)
from kiosk.clock import day_of, from_local, full_years
from kiosk.messages.bills import Bill
from kiosk.messages.content import APPOINTMENT, FOR_LIFE, SECOND_ANSWER, Applicant
from kiosk.messages.plates import PlatesAnswer, PlatesQuestion
from kiosk.messages.questions import Document, DueFact, Fact
from kiosk.messages.register import RegisterAnswer
from kiosk.messages.violations import ViolationsAnswer

Facts = dict[str, Fact]
Person = Mapping[str, Any]
_KEY = re.compile(r"(?!pg_|public$|information_schema$|hub$)[a-z][a-z0-9_]{0,40}")


class Application(msgspec.Struct, frozen=True):
    """A case as it reaches a department; ``key`` makes asking twice harmless.

    ``day``: that of its decision, ``fee_fen``: what it costs, by the catalogue; both are the department's own.
    ``paid_fen``: what of that was paid at the machine, by the hub's book; ``paid_on``: on which day.
    ``second``: the guardian or agent who came along, if ``answers["second_card"]`` says so.
    ``second_unread``: the case came back from its slip, which has no room for who came along.
    ``rests_on``: cases of the same person that were accepted before this one and for it; they make the checks
    ``fulfilled`` hold.
    """

    key: str
    applicant: Applicant
    answers: dict[str, Any]
    day: date = date.min
    second: Applicant | None = None
    second_unread: bool = False
    fee_fen: int = 0
    paid_fen: int = 0
    rests_on: tuple[str, ...] = ()
    fulfilled: tuple[str, ...] = ()
    paid_on: date | None = None

    @property
    def priced_on(self) -> date:
        """The day whose prices are judged by: who has paid in full is not asked for what waiting has added."""
        return min(self.paid_on or self.day, self.day)


class Brought(msgspec.Struct, frozen=True):
    """What was asked for in a case; ``key`` makes bringing it twice harmless. ``papers``: names of its parts."""

    key: str
    case_key: str
    answers: dict[str, Any]
    papers: list[str] = []


class Decision(msgspec.Struct, frozen=True):
    """The department's word: accepted with a promised date, or not, with all reasons (check ids).

    ``promised_by``: how that date was counted, see ``hub.working_days``.
    """

    accepted: bool
    reasons: list[str] = []
    promised_on: date | None = None
    promised_by: str = ""


Effect = Callable[[AsyncConnection, Application], Awaitable[None]]
"""What acceptance changes in the records, in the transaction of the decision. Raises Unfit."""


class WrongDepartment(ValueError):
    """A department cannot be used; one line that names its place and the fix."""


class Unfit(Exception):
    """What a case asks for in particular cannot be; ``reasons`` say why. Nothing of it is carried out."""

    def __init__(self, *reasons: str) -> None:
        super().__init__(", ".join(reasons))
        self.reasons = list(reasons)


class EffectUnknown(Exception):
    """The service's acceptance changes what this version of the department cannot change."""


class Department(ABC):
    """A reference system. Its tables live in a PostgreSQL schema named like its key, by which services name it.

    ``effects``: what acceptance can change, by the name that services give.
    """

    key: str

    def __init__(self, effects: Mapping[str, Effect] | None = None) -> None:
        self.effects = dict(effects or {})

    @property
    def migrations(self) -> Path:
        """The folder of ``0001_….sql``, ``0002_….sql`` … that make its tables: one each time they change."""
        return Path(inspect.getfile(type(self))).parent / "migrations"

    @property
    def desk(self) -> Desk:
        """Where its accepted cases go on."""
        return Desk(self.key)

    @abstractmethod
    async def facts(self, conn: AsyncConnection, id_number: str, today: date) -> Facts:
        """What this department knows of a person, by one query for each kind of record.

        No fact for what it does not know. Dates are ISO 8601; what may hold several values at once is a list.
        """

    async def documents(self, conn: AsyncConnection, id_number: str) -> list[Document]:
        """Documents that this department issued to the person."""
        return []

    @property
    def issues_documents(self) -> bool:
        """Whether it is asked for documents at all."""
        return type(self).documents is not Department.documents

    async def violations(
        self, conn: AsyncConnection, id_number: str, decision_number: str, today: date
    ) -> ViolationsAnswer:
        """Violations and fines as the person may see them, or one fine by its decision's number."""
        return ViolationsAnswer([])

    async def bills(self, conn: AsyncConnection, id_number: str, numbers: Sequence[str], today: date) -> list[Bill]:
        """What the person has to pay; with ``numbers`` those alone, whosever they are, paid ones too."""
        return []

    @property
    def demands_money(self) -> bool:
        """Whether it is asked for bills at all."""
        return type(self).bills is not Department.bills

    @property
    def keeps_violations(self) -> bool:
        """Whether it is asked for violations at all."""
        return type(self).violations is not Department.violations

    async def register_card(self, conn: AsyncConnection, id_number: str) -> RegisterAnswer | None:
        """What the person's last card said and showed; None for nobody, or nobody with a picture."""
        return None

    @property
    def keeps_pictures(self) -> bool:
        """Whether it is asked for pictures at all."""
        return type(self).register_card is not Department.register_card

    async def name_count(self, conn: AsyncConnection, name: str) -> int:
        """How many people have this name, exactly; who asks decides what is told of it."""
        return 0

    @property
    def counts_names(self) -> bool:
        """Whether it is asked for names at all."""
        return type(self).name_count is not Department.name_count

    async def addresses(self, conn: AsyncConnection, words: Sequence[str], most: int) -> list[str] | None:
        """At most so many standard addresses that have all these words, in their order; None: it keeps none."""
        return None

    @property
    def keeps_addresses(self) -> bool:
        """Whether it is asked for addresses at all."""
        return type(self).addresses is not Department.addresses

    async def plates(self, conn: AsyncConnection, asked: PlatesQuestion, now: datetime) -> PlatesAnswer:
        """Lists of plate numbers, and the one that is held for a case; no number is held or taken twice."""
        return PlatesAnswer("none")

    async def ready(self, conn: AsyncConnection, id_number: str) -> list[str]:
        """The cases whose things are made and wait for this person, in the order in which they are handed out."""
        return []

    async def certificate(self, conn: AsyncConnection, asked: Asked) -> Sealed | None:
        """The sealed paper of an accepted case, the same one each time; None: there is none to print at a machine."""
        return None

    async def seed(self, conn: AsyncConnection, people: Iterable[Person]) -> None:  # noqa: B027
        """Writes the records of a demonstration's people, replacing what they had."""

    async def events(self, conn: AsyncConnection, after: int, today: date) -> list[StageEvent]:
        """What became of accepted cases since the stage with this number, in order."""
        await self.desk.work(conn, today, self.reached)
        return await self.desk.events(conn, after)

    async def standings(self, conn: AsyncConnection) -> list[Standing]:
        """Every accepted case and where it stands, for comparing the books."""
        return await self.desk.standings(conn)

    async def reached(self, conn: AsyncConnection, case_key: str, state: str) -> None:  # noqa: B027
        """What a stage of a case changes in the records, in its transaction."""

    async def supplement(self, conn: AsyncConnection, brought: Brought, today: date) -> bool:
        """Goes on with the case for which it was brought; False: that case does not wait for anything."""
        return await self.desk.supplement(conn, brought.key, brought.case_key, brought.papers, today, self.reached)

    async def handed_out(self, conn: AsyncConnection, case_key: str, today: date) -> bool:
        """It is in its person's hand, by a machine's word; twice is harmless. False: this case cannot end so."""
        return await self.desk.hand_out(conn, case_key, today, self.reached)

    async def decide(self, conn: AsyncConnection, service: Service, application: Application, today: date) -> Decision:
        """Accepts or not, in one transaction; a repeated question gets the first answer. Raises EffectUnknown."""
        number = application.applicant.number
        async with conn.transaction():
            # One case of a person at a time: the next one is judged by what this one has changed.
            fresh = await conn.execute(
                self._here(
                    "insert into {} (case_key, service) select %s, %s "
                    "from pg_advisory_xact_lock(hashtextextended(%s, 2)) on conflict do nothing returning case_key"
                ),
                [application.key, service.key, f"{self.key} {number}"],
            )
            if await fresh.fetchone() is None:
                return await self._first_answer(conn, application.key)
            facts = await self.facts(conn, number, today)
            known = {**facts, **said_as_facts(application.answers)}
            failed = [each for each in failed_checks(service, known, today) if each not in application.fulfilled]
            who = [*card_reasons(service, application.applicant, today), *second_reasons(service, application, today)]
            reasons = [*who, *failed]
            law, limit = limits_for(service, known, today)
            begins_on = _begins_on(service, application, today)
            decision = Decision(False, reasons) if reasons else _accepted(limit, begins_on, law)
            if decision.accepted and service.effect:
                own = replace(application, day=today)
                fee_fen = sum(fee.amount_fen for fee in fees_due(service, known, own.priced_on))
                decision = await self._carry_out(conn, service.effect, replace(own, fee_fen=fee_fen), decision)
            if decision.accepted:
                waits_for = () if service.meanwhile else application.rests_on
                decision = await self._not_before(conn, decision, waits_for)
                promise = (decision.promised_on, decision.promised_by)
                plan = Plan(limit, *promise, is_collected(service, known, today), begins_on, waits_for)
                await self.desk.take(conn, application.key, plan, today, application.rests_on)
            await conn.execute(
                self._here("update {} set decision = %s where case_key = %s"),
                [Jsonb(msgspec.to_builtins(decision)), application.key],
            )
            return decision

    async def _carry_out(
        self, conn: AsyncConnection, name: str, application: Application, decision: Decision
    ) -> Decision:
        """The decision, or a refusal where the case itself asks for what cannot be."""
        if name not in self.effects:
            raise EffectUnknown(name)
        try:
            async with conn.transaction():
                await self.effects[name](conn, application)
        except Unfit as error:
            return Decision(accepted=False, reasons=error.reasons)
        return decision

    async def _not_before(self, conn: AsyncConnection, decision: Decision, waits_for: Sequence[str]) -> Decision:
        """The decision, promised for the day of the last of those that it waits for where that is later."""
        own = [Promise(decision.promised_on, decision.promised_by)] if decision.promised_on else []
        last = max([*own, *await self.desk.promises(conn, waits_for)], key=lambda each: each.on, default=None)
        return replace(decision, promised_on=last.on, promised_by=last.by) if last else decision

    def _here(self, statement: LiteralString) -> Composed:
        return SQL(statement).format(Identifier(self.key, "application"))

    async def _first_answer(self, conn: AsyncConnection, key: str) -> Decision:
        rows = await conn.execute(self._here("select decision from {} where case_key = %s"), [key])
        row = await rows.fetchone()
        return shapes.convert(row[0] if row else None, Decision)


def _begins_on(service: Service, application: Application, today: date) -> date:
    """The day from which its limit counts: what the counter does is not done before the person comes there."""
    said = str(application.answers.get(APPOINTMENT, "")) if service.handled_at == "window" else ""
    try:
        return max(today, from_local(said).date())
    except ValueError:
        return today


def _accepted(limit: Limit | None, begins_on: date, law: Limit | None) -> Decision:
    promise = promised(limit, begins_on, law)
    return Decision(accepted=True, promised_on=promise.on, promised_by=promise.by) if promise else Decision(True)


def require_department(place: str, value: Any) -> Department:
    """What was found at a place, as a department. Raises WrongDepartment."""
    if not isinstance(value, Department):
        raise WrongDepartment(f"{place}: no department; make an object of a class that derives from Department")
    if not _KEY.fullmatch(str(getattr(value, "key", ""))):
        raise WrongDepartment(f"{place}: its key names a schema of the database: small letters, digits and _")
    return value


def due_of(services: Iterable[Service], facts: Facts, today: date) -> list[DueFact]:
    """The services that are due for a person of whom a department knows these facts."""
    return [_due(service, facts) for service in services if is_due(service, facts, today)]


def _due(service: Service, facts: Facts) -> DueFact:
    told = service.due.reason.places() if service.due else ()
    last = str(facts.get(service.due.until, "")) if service.due else ""
    try:
        due_on = date.fromisoformat(last)
    except ValueError:
        due_on = None
    return DueFact(service.key, {name: str(facts[name]) for name in sorted(told) if name in facts}, due_on)


def card_reasons(service: Service, applicant: Applicant, today: date) -> list[str]:
    """Rules about the person and the card, judged again here by the hub's clock: a department trusts no machine."""
    is_for_life = applicant.valid_to == FOR_LIFE
    birth, valid_to = day_of(applicant.birth), day_of(applicant.valid_to)
    reasons = unfit(service, card_kind=applicant.kind, birth=birth, valid_to=valid_to, today=today)
    is_unknown = valid_to is None and not is_for_life and not service.applicant.expired_card
    return [*reasons, "card_validity_unknown"] if is_unknown else reasons


def second_reasons(service: Service, application: Application, today: date) -> list[str]:
    """Rules about who came along: a child with its guardian, and an agent only where one may act.

    What the answers do not speak of acts for nobody: a ``second`` beside them is passed over.
    """
    role, age = application.answers.get(SECOND_ANSWER, ""), _age(application.applicant, today)
    if role == "guardian":
        # Not "below" here: who has come of that age since, or asks for something else besides, is a minor still.
        reasons = ["guardian_refused"] if age >= OF_AGE else []
    else:
        reasons = ["guardian_missing"] if age < service.guardian_below > 0 else []
        if role == "agent" and service.proxy != "yes":
            reasons.append("agent_refused")
    if role in ("guardian", "agent"):
        return reasons if application.second_unread else [*reasons, *_unfit_second(application, today)]
    return [*reasons, "second_unknown"] if role else reasons


def _unfit_second(application: Application, today: date) -> list[str]:
    """Why this person acts for nobody."""
    second = application.second
    if second is None:
        return ["second_missing"]
    is_same = second.number.upper() == application.applicant.number.upper()
    # A last day that cannot be read has passed.
    valid_to = None if second.valid_to == FOR_LIFE else day_of(second.valid_to) or date.min
    return unfit_second(is_same=is_same, birth=day_of(second.birth), valid_to=valid_to, today=today)


def _age(person: Applicant, today: date) -> int:
    """In full years; who has no readable birthday is no adult."""
    birth = day_of(person.birth)
    return -1 if birth is None else full_years(birth, today)
