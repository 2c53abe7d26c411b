"""The slip is a second copy: printed on the emulated printer, photographed, read back into a real hub."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import random
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import psycopg
import pytest
import segno

from devices.contract import Deadline
from devices.receipt_printer.job import Outcome
from hub import inbox
from hub import restore as papers
from hub.context import Hub
from hub.database import prepare
from hub.keys import load_keys
from hub.photographs import codes_in
from hub.postgres import OwnPostgres
from hub.server import Extras, make_hub
from kiosk.clock import Clock
from kiosk.hub_link.filing import Filed
from kiosk.hub_link.identity import Identity
from kiosk.messages import seal
from kiosk.messages.content import CaseForm, decode_content
from kiosk.messages.envelope import new_key, parse
from kiosk.messages.paper import PaperFacts, join_codes, make_paper, mark_of, read_code, to_codes
from kiosk.slips import Letterhead, SlipModel, slip_job
from kiosk.slips.model import SecondCopy
from kiosk.slips.second_copy import second_copy
from kiosk.text import Text, same
from tests.devices.receipt_printer.conftest import Bench
from tests.forking import forked
from tests.hub.fixtures import ROOT, TODAY, Machine, RunningHub, Sealed, case_form
from tests.hub.photographs import Shot, grey, photograph
from tests.kiosk.messages.test_paper import forged
from tests.waiting import HANG_S, eventually

AT = datetime(2027, 1, 12, 2, 31, tzinfo=UTC)
GOOD_SHOT = Shot()


@dataclass
class Paper:
    """A case that was filed and never sent, and its slip as grey picture."""

    sent: Sealed
    number: str
    copy: SecondCopy
    picture: object
    folder: Path
    shots: list[Path] = field(default_factory=list)

    def shoot(self, shot: Shot = GOOD_SHOT, part: tuple[float, float] = (0, 1)) -> Path:
        """A photograph of the slip, or of the stretch between two fractions of its height."""
        height = self.picture.shape[0]
        stretch = self.picture[int(part[0] * height) : int(part[1] * height)]
        path = self.folder / f"{self.copy.mark}-{len(self.shots)}.jpg"
        path.write_bytes(photograph(stretch, shot, seed=len(self.shots)))
        self.shots.append(path)
        return path


@pytest.fixture(scope="module")
def printer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench(tmp_path_factory.mktemp("printer"), "tcp")
    yield bench
    bench.close()


def number() -> str:
    return f"{random.randrange(10**24):024d}"


def copy_of(machine: Machine, form: bytes, sent: Sealed, **other: str) -> SecondCopy:
    content = decode_content("case", form)
    assert isinstance(content, CaseForm)
    keys = machine.keys
    identity = Identity(machine.kiosk_id, other.get("private_key", keys.private), keys.public)
    seal_key = other.get("seal_key", machine.hub.said["seal_key"])
    filed = Filed(machine.seq, other.get("sha256", sent.digest))
    copy = second_copy(content, filed, case_id=sent.key, key=sent.key, identity=identity, seal_key=seal_key)
    assert copy is not None
    return copy


def file_offline(machine: Machine, printer: Bench, folder: Path, *, answers: Any = None, **other: str) -> Paper:
    """Files a case as a machine without a network does, and prints its slip over the wire."""
    # A renewal that is accepted would refuse the next one, also one that was still to be decided at the reset.
    undecided = "select receipt_number from case_file where state = 'delivered'"
    eventually(lambda: not machine.hub.sql(undecided), "every case before has its decision")
    machine.hub.demo("POST", "reset")
    receipt = number()
    form = case_form("zhao", "T01", receipt)
    if answers:
        form = msgspec.json.encode({**msgspec.json.decode(form), "answers": answers})
    sent = machine.envelope("case", form, parcels=False)
    copy = copy_of(machine, form, sent, **other)
    return Paper(sent, receipt, copy, grey(_printed(printer, receipt, copy)), folder)


def _printed(printer: Bench, receipt: str, copy: SecondCopy) -> Path:
    head = Letterhead(
        title=same("自助服务回执"),
        about=same("驾驶证有效期满换证"),
        line=Text("交通管理", "Traffic"),
        person="赵*福",
        hall=same("临江区公安政务服务大厅"),
        machine="kiosk-0001",
        printed_at=AT,
        help_phone="110",
        catalogue_version="2027.01.1",
        complaint_phone="12389",
    )
    model = SlipModel(head=head, receipt_number=receipt, state="stored", progress_qr=receipt, second_copy=copy)
    if not printer.drivers:
        printer.driver(barrier_timeout_s=HANG_S)
    done = printer.drivers[0].print_job(Deadline(HANG_S), slip_job(model))
    assert done.value.outcome is Outcome.PRINTED
    printer.wait(lambda: printer.state["slips"])
    return printer.slip_path(printer.state["slips"], "png")


def restore(hub: RunningHub, *arguments: Path | str) -> tuple[int, dict[str, tuple[str, str]]]:
    """Exit code of ``hub restore`` and its table: slip → (result, why)."""
    code, rows = restored(hub, *arguments)
    return code, {slip: (taken, why) for slip, taken, why in rows}


def restored(hub: RunningHub, *arguments: Path | str) -> tuple[int, list[tuple[str, str, str]]]:
    """The same with every row."""
    command = ["restore", *map(str, arguments), "--json"]
    command += ["--dsn", hub.dsn, "--keys", str(hub.data / "keys"), "--today", str(TODAY)]
    done = forked("hub", *command)
    assert done.stdout, done.stderr
    return done.returncode, [(row["slip"], row["taken"], row["why"]) for row in json.loads(done.stdout)]


def ends_tomorrow(hub: RunningHub, kiosk_id: str) -> None:
    """The synthetic cases are filed at a fixed hour of the day of the demonstration: the key ended after that."""
    query = "update kiosk_key set valid_to = '2027-01-13' where kiosk_id = %s and ended is not null returning 1"
    assert hub.sql(query, kiosk_id)


def log_of(hub: RunningHub, paper: Paper) -> list[str]:
    return [kind for (kind,) in hub.sql("select kind from event where envelope_key = %s order by id", paper.sent.key)]


def states_of(hub: RunningHub, paper: Paper) -> list[str]:
    query = "select data->>'state' from event where envelope_key = %s and kind = 'case_state' order by id"
    return [state for (state,) in hub.sql(query, paper.sent.key)]


def test_a_lost_machines_case_comes_back_from_a_photograph_and_is_decided(
    hub: RunningHub, machine: Machine, printer: Bench, tmp_path: Path
) -> None:
    paper = file_offline(machine, printer, tmp_path)
    code, table = restore(hub, paper.shoot())
    assert (code, table) == (0, {paper.number: ("restored", "")})
    machine.wait_for(paper.number, "accepted")
    assert states_of(hub, paper) == ["delivered", "accepted"]
    assert log_of(hub, paper)[0] == "restored_from_paper"
    at = hub.sql("select at::date from event where envelope_key = %s and kind = 'restored_from_paper'", paper.sent.key)
    assert abs((at[0][0] - TODAY).days) <= 1, "by the clock of the demonstration"


def test_a_slip_has_no_room_for_who_came_along_so_nobody_is_refused_for_that(
    hub: RunningHub, machine: Machine, printer: Bench, tmp_path: Path
) -> None:
    paper = file_offline(machine, printer, tmp_path, answers={"second_card": "agent"})
    assert restore(hub, paper.shoot())[0] == 0
    machine.wait_for(paper.number, "not_accepted")
    case = machine.case(paper.number)
    assert case
    assert case.states[-1].reasons == ["agent_refused"], "the service lets nobody act; of the agent nothing is said"


def test_paper_first_and_the_original_later_are_one_case_with_both_proofs(
    hub: RunningHub, machine: Machine, printer: Bench, tmp_path: Path
) -> None:
    paper = file_offline(machine, printer, tmp_path)
    restore(hub, paper.shoot())
    machine.wait_for(paper.number, "accepted")
    machine.put_parcel(paper.sent.part)
    machine.deliver(paper.sent)
    assert machine.put(paper.sent).status_code == 200
    eventually(lambda: "original_arrived" in log_of(hub, paper), "the original is noted")
    assert states_of(hub, paper) == ["delivered", "accepted"], "the effect came once"
    assert log_of(hub, paper).count("opened") == 1
    for table in ("case_file", "envelope", "paper_copy"):
        assert hub.sql(f"select count(*) from {table} where key = %s", paper.sent.key) == [(1,)]
    assert restore(hub, paper.shoot())[1] == {paper.number: ("already known", "")}


def test_original_first_then_the_paper_is_already_known(
    hub: RunningHub, machine: Machine, printer: Bench, tmp_path: Path
) -> None:
    paper = file_offline(machine, printer, tmp_path)
    machine.put_parcel(paper.sent.part)
    machine.deliver(paper.sent)
    machine.wait_for(paper.number, "accepted")
    for _ in range(2):
        assert restore(hub, paper.shoot()) == (0, {paper.number: ("already known", "")})
    assert states_of(hub, paper) == ["delivered", "accepted"]
    assert log_of(hub, paper).count("paper_seen") == 1


def test_several_slips_on_several_photographs_in_any_order_and_twice(
    hub: RunningHub, machine: Machine, printer: Bench, tmp_path: Path
) -> None:
    long = file_offline(machine, printer, tmp_path, answers={"words": _nonsense(400)})
    short = file_offline(machine, printer, tmp_path)
    assert len(long.copy.codes) == 2
    below, above = long.shoot(part=(0.72, 1)), long.shoot(part=(0, 0.8))
    assert {len(codes_in(shot)) for shot in (below, above)} == {1}, "each photograph shows one of the two codes"
    code, table = restore(hub, below, short.shoot(), above, short.shoot())
    assert (code, table) == (0, {long.number: ("restored", ""), short.number: ("restored", "")})


def test_a_missing_code_is_named_and_the_others_are_taken(
    hub: RunningHub, machine: Machine, printer: Bench, tmp_path: Path
) -> None:
    long = file_offline(machine, printer, tmp_path, answers={"words": _nonsense(400)})
    short = file_offline(machine, printer, tmp_path)
    code, table = restore(hub, long.shoot(part=(0.72, 1)), short.shoot())
    assert code == 3
    assert table[long.copy.mark] == ("incomplete", "photograph code 1 of 2 too")
    assert table[short.number] == ("restored", "")
    assert log_of(hub, long) == []


@pytest.mark.parametrize("place", ["first", "last"])
def test_a_code_that_does_not_belong_is_told_and_left_out(
    hub: RunningHub, machine: Machine, printer: Bench, tmp_path: Path, place: str
) -> None:
    """One code with the mark of an honest copy, among the photographs, kept it out."""
    long = file_offline(machine, printer, tmp_path, answers={"words": _nonsense(400)})
    one = file_offline(machine, printer, tmp_path, private_key=seal.new_sign_key().private)
    others = []
    for number, total in ((2, 2), (1, 3)):
        others.append(tmp_path / f"{number}-of-{total}.png")
        code = segno.make(forged(long.copy.mark, number, total), error="m", micro=False)
        code.save(str(others[-1]), scale=8, border=4)
    honest = [long.shoot(), one.shoot()]
    code, rows = restored(hub, *(others + honest if place == "first" else honest + others))
    assert code == 3
    assert (long.number, "restored", "") in rows
    assert (one.number, "refused", f"not signed by the machine {machine.kiosk_id}") in rows
    left_out = [why for slip, taken, why in rows if (slip, taken) == (long.copy.mark, "refused")]
    assert sorted(left_out) == [
        f"code {number} of {total} on {number}-of-{total}.png does not belong to it: left out"
        for number, total in ((1, 3), (2, 2))
    ]
    machine.wait_for(long.number, "accepted")


def test_a_code_that_does_not_belong_completes_nothing(
    hub: RunningHub, machine: Machine, printer: Bench, tmp_path: Path
) -> None:
    long = file_offline(machine, printer, tmp_path, answers={"words": _nonsense(400)})
    other = tmp_path / "other.png"
    segno.make(forged(long.copy.mark, 1, 2), error="m", micro=False).save(str(other), scale=8, border=4)
    code, table = restore(hub, long.shoot(part=(0.72, 1)), other)
    assert (code, table[long.copy.mark][0]) == (1, "refused")
    assert log_of(hub, long) == []


def test_slips_of_others_are_not_ours_and_nothing_is_stored(
    hub: RunningHub, machine: Machine, printer: Bench, tmp_path: Path
) -> None:
    stranger = Machine(hub, "K-stranger")
    unknown = file_offline(stranger, printer, tmp_path)
    elsewhere = file_offline(machine, printer, tmp_path, seal_key=seal.new_seal_key().public)
    blank = tmp_path / "blank.jpg"
    blank.write_bytes(photograph(unknown.picture[: unknown.picture.shape[0] // 2], GOOD_SHOT))
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    code, table = restore(hub, unknown.shoot(), elsewhere.shoot(), blank, broken)
    assert code == 1
    assert table[unknown.number] == ("not ours", "the machine K-stranger was never enrolled here")
    assert table[elsewhere.number] == ("not ours", "sealed to another hub's key")
    assert table["blank.jpg"][0] == table["broken.png"][0] == "not ours"
    assert log_of(hub, unknown) == log_of(hub, elsewhere) == []
    assert hub.sql("select count(*) from paper_copy where key in (%s, %s)", unknown.sent.key, elsewhere.sent.key) == [
        (0,)
    ]


def test_forged_paper_is_refused(hub: RunningHub, machine: Machine, printer: Bench, tmp_path: Path) -> None:
    forged = file_offline(machine, printer, tmp_path, private_key=seal.new_sign_key().private)
    code, table = restore(hub, forged.shoot())
    assert (code, table) == (1, {forged.number: ("refused", f"not signed by the machine {machine.kiosk_id}")})
    assert log_of(hub, forged) == []


def test_altered_byte_is_refused(hub: RunningHub, machine: Machine, printer: Bench, tmp_path: Path) -> None:
    paper = file_offline(machine, printer, tmp_path)
    payload = bytearray(read_code(paper.copy.codes[0]).piece)
    payload[60] ^= 1
    altered = SecondCopy(mark_of(payload), to_codes(bytes(payload)))
    paper = dataclasses.replace(paper, picture=grey(_printed(printer, paper.number, altered)))
    code, table = restore(hub, paper.shoot())
    assert code == 1
    assert [taken for taken, _ in table.values()] == ["refused"]
    assert log_of(hub, paper) == []


def test_the_paper_of_a_machine_that_was_replaced_comes_in_by_a_supervisors_word(
    hub: RunningHub, machine: Machine, printer: Bench, tmp_path: Path
) -> None:
    paper = file_offline(machine, printer, tmp_path)
    machine.keys = seal.new_sign_key()
    assert machine.enrol(hub.code(replace=True)).status_code == 201
    ends_tomorrow(hub, machine.kiosk_id)
    code, table = restore(hub, paper.shoot())
    assert (code, table[paper.number][0]) == (1, "refused")
    assert f"hub restore --ended {machine.kiosk_id}" in table[paper.number][1]
    assert restore(hub, paper.shoot(), "--ended", machine.kiosk_id)[1] == {paper.number: ("restored", "")}


def test_an_original_that_contradicts_its_paper_is_held_and_has_no_effect(
    hub: RunningHub, machine: Machine, printer: Bench, tmp_path: Path
) -> None:
    paper = file_offline(machine, printer, tmp_path, sha256="ab" * 32)
    assert restore(hub, paper.shoot())[0] == 0
    machine.put_parcel(paper.sent.part)
    answer = machine.put(paper.sent)
    assert (answer.status_code, answer.json()["field"]) == (409, "header.key")
    assert hub.sql("select count(*) from envelope where key = %s", paper.sent.key) == [(0,)]
    machine.wait_for(paper.number, "accepted")
    assert log_of(hub, paper).count("paper_contradicted") == 1


def test_paper_that_contradicts_the_original_is_refused_and_noted(
    hub: RunningHub, machine: Machine, printer: Bench, tmp_path: Path
) -> None:
    paper = file_offline(machine, printer, tmp_path, sha256="ab" * 32)
    machine.put_parcel(paper.sent.part)
    machine.deliver(paper.sent)
    code, table = restore(hub, paper.shoot())
    assert (code, table[paper.number][0]) == (1, "refused")
    machine.wait_for(paper.number, "accepted")
    assert states_of(hub, paper) == ["delivered", "accepted"]


Doing = Callable[[Hub, psycopg.AsyncConnection], Awaitable[papers.Row | inbox.Received]]


def do(hub: RunningHub, name: str, doing: Doing) -> str:
    """What a hub process does on one connection, which is called ``name``, and what it makes of the case."""

    async def run() -> str:
        city = make_hub(hub.dsn, load_keys(hub.data / "keys"), Clock(TODAY), Extras())
        connect = psycopg.AsyncConnection.connect(hub.dsn, autocommit=True, application_name=name)
        async with await connect as conn:
            try:
                done = await doing(city, conn)
            except inbox.OtherHeld:
                return "held"
        return done.taken if isinstance(done, papers.Row) else "fresh" if done.fresh else "known"

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("first", "agree", "paper_is", "original_is", "noted"),
    [
        ("original", True, "already known", "fresh", "paper_seen"),
        ("original", False, "refused", "fresh", "paper_contradicted"),
        ("paper", True, "restored", "fresh", "original_arrived"),
        ("paper", False, "restored", "held", "paper_contradicted"),
    ],
)
def test_paper_and_original_at_once_are_one_case(
    hub: RunningHub, machine: Machine, first: str, agree: bool, paper_is: str, original_is: str, noted: str
) -> None:
    form = case_form("zhao", "T01", number())
    sent = machine.envelope("case", form)
    codes = [read_code(code) for code in copy_of(machine, form, sent, sha256=sent.digest if agree else "ab" * 32).codes]
    payload = join_codes({code.number: code.piece for code in codes})
    doings: dict[str, Doing] = {
        "original": lambda city, conn: inbox.receive(city, conn, parse(sent.wire), machine.keys.public),
        "paper": lambda city, conn: papers.take_in_paper(city, conn, payload),
    }
    waits = "select 1 from pg_stat_activity where application_name = %s and wait_event_type = 'Lock'"
    with psycopg.connect(hub.dsn) as blocker, ThreadPoolExecutor(2) as pool:
        # While the test holds the log, neither of the two can end what it has begun.
        blocker.execute("lock table event in share row exclusive mode")
        begun = {}
        for name in sorted(doings, reverse=first == "paper"):
            begun[name] = pool.submit(do, hub, name, doings[name])
            eventually(lambda name=name: hub.sql(waits, name) != [], f"the {name} waits")
        blocker.rollback()
        assert (begun["paper"].result(20), begun["original"].result(20)) == (paper_is, original_is)
    log = [kind for (kind,) in hub.sql("select kind from event where envelope_key = %s", sent.key)]
    assert log.count(noted) == 1
    delivered = "select count(*) from event where envelope_key = %s and data->>'state' = 'delivered'"
    assert hub.sql(delivered, sent.key) == hub.sql("select count(*) from case_file where key = %s", sent.key) == [(1,)]


def test_a_person_reads_a_table(hub: RunningHub, machine: Machine, printer: Bench, tmp_path: Path) -> None:
    paper = file_offline(machine, printer, tmp_path)
    command = ["restore", str(paper.shoot())]
    command += ["--dsn", hub.dsn, "--keys", str(hub.data / "keys")]
    done = forked("hub", *command)
    assert done.returncode == 0
    assert paper.number in done.stdout
    assert "restored" in done.stdout


# How much a photograph may be spoiled: docs/second-copy.md tells these figures to people.
SPOILED = {
    "small": Shot(px_per_mm=4.0),
    "tilted": Shot(tilt=0.4),
    "upside down": Shot(turn_deg=175.0),
    "on its side": Shot(turn_deg=80.0),
    "out of focus": Shot(blur_mm=0.25),
    "noisy": Shot(noise=40.0),
    "in shade": Shot(shade=0.85),
    "faded": Shot(fade=0.7),
    "badly compressed": Shot(jpeg=10),
    "curled": Shot(curl_mm=1.0),
    "a bit of everything": Shot(6.0, 0.2, -8.0, 0.5, 0.15, 15.0, 0.5, 0.3, 50),
}


@pytest.fixture(scope="module")
def slip_picture(printer: Bench) -> tuple[object, str]:
    key, receipt = new_key(), number()
    facts = PaperFacts("kiosk-0001", 17, "ab" * 32, key, key, receipt, AT, "std")
    keys = {"seal_key": seal.new_seal_key().public, "private_key": seal.new_sign_key().private}
    payload = make_paper(case_form("zhao", "T01", receipt), facts, **keys)
    copy = SecondCopy(mark_of(payload), to_codes(payload))
    return grey(_printed(printer, receipt, copy)), copy.codes[0]


@pytest.mark.parametrize("how", SPOILED)
def test_spoiled_photograph_is_still_read(how: str, slip_picture: tuple[object, str], tmp_path: Path) -> None:
    picture, code = slip_picture
    path = tmp_path / "shot.jpg"
    path.write_bytes(photograph(picture, SPOILED[how]))
    assert codes_in(path) == [read_code(code)]


def test_photograph_beyond_reading_gives_nothing_rather_than_something_wrong(
    slip_picture: tuple[object, str], tmp_path: Path
) -> None:
    path = tmp_path / "shot.jpg"
    path.write_bytes(photograph(slip_picture[0], Shot(blur_mm=0.8)))
    assert codes_in(path) == []


def _nonsense(size: int) -> str:
    return random.Random(size).randbytes(size // 2).hex()


def test_a_hub_of_before_keeps_its_machines_keys_and_takes_paper(cluster: OwnPostgres) -> None:
    name = f"hub_{uuid4().hex[:8]}"
    with psycopg.connect(cluster.dsn, autocommit=True) as conn:
        conn.execute(f"create database {name}")
    dsn = cluster.dsn.replace("dbname=tongban", f"dbname={name}")
    with psycopg.connect(dsn) as conn:
        conn.execute((ROOT / "hub" / "schema.sql").read_text("utf-8").encode())
        conn.execute("create table schema_version (version integer not null)")
        conn.execute("insert into schema_version values (1)")
        conn.execute("insert into kiosk (kiosk_id, public_key, enrolled_at) values ('kiosk-0001', 'key', now())")
    prepare(dsn)
    prepare(dsn)
    with psycopg.connect(dsn) as conn:
        assert conn.execute("select kiosk_id, suite, public_key from kiosk_key").fetchall() == [
            ("kiosk-0001", "std", "key")
        ]
        conn.execute("insert into case_file (key, state) values (%s, 'delivered')", [new_key()])
