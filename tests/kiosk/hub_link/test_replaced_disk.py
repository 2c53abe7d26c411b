"""A disk is replaced and the machine keeps its name: the new store's cases arrive, and what the old one had is seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path

import msgspec
import psycopg
import pytest
import trio

from hub import database as tables
from hub import restore as papers
from hub.context import Hub
from hub.ended_keys import Leave
from hub.gaps import Finding, findings
from hub.keys import load_keys
from hub.machine_keys import NEW_STORE
from hub.postgres import OwnPostgres
from hub.server import Extras, make_hub
from kiosk.hub_link import transfer
from kiosk.hub_link.filing import Filed
from kiosk.hub_link.numbers import SKIPPED, ReceiptNumbers
from kiosk.messages.batch import keys_in
from kiosk.messages.content import decode_content
from kiosk.messages.envelope import new_key
from kiosk.messages.fleet import Enrolment, Heartbeat
from kiosk.messages.paper import join_codes, read_code
from kiosk.slips.second_copy import second_copy
from offline_cache.counters import Counters
from offline_cache.values import Values
from tests.hub.fixtures import RunningHub, case_form, cluster, database
from tests.hub.fixtures import hub as real_hub
from tests.hub.test_restore import ends_tomorrow
from tests.kiosk.hub_link.side import Side
from tests.waiting import eventually

__all__ = ["cluster", "database", "real_hub"]

DAY = date(2027, 1, 12)
Disks = Callable[..., Awaitable["Disk"]]


class Disk(Side):
    """One store of a machine; several may have the machine's name."""

    def __init__(self, hub: RunningHub, folder: Path, name: str, carrier: str, suite: str) -> None:
        folder.mkdir()
        super().__init__(hub, folder, carrier, suite)
        self.exchange = folder.parent / "exchange"
        self.kiosk_id = name
        self.store.close()
        self.open()

    async def enrol_with_numbers(self) -> None:
        self.told = await self.enrol()
        self.numbers = ReceiptNumbers(Values(self.store), Counters(self.store), self.kiosk_id)
        self.numbers.heard(self.told.numbering)

    def file_numbered(self) -> tuple[str, str]:
        """Key and receipt number of a new case."""
        key, number = new_key(), self.numbers.take("990101", DAY)
        self.filing.file_now("case", key, key, number, {"form": case_form("zhao", "E13", number)})
        return key, number

    async def beat(self) -> None:
        said = Heartbeat(last_seq=self.outbox.last_seq(), queue_depth=self.outbox.depth(), held=self.outbox.held())
        answer = await self.http.send("POST", "/v1/heartbeats", msgspec.json.encode(said))
        assert answer.status == 200

    async def to_suite(self, suite: str, last_seq: int | None) -> None:
        """The same store under another ``[hub] suite``."""
        await self.close()
        self.suite = suite
        self.seal_key, self.verify_key = self.hub.said[f"{suite}_seal_key"], self.hub.said[f"{suite}_verify_key"]
        self.open()
        code = self.hub.code(replace=True)
        path = "/v1/enrolments" + ("" if last_seq is None else f"?last_seq={last_seq}")
        body = msgspec.json.encode(Enrolment(code, self.kiosk_id, self.identity.public_key, suite))
        assert (await self.http.send("POST", path, body)).status == 201
        self.numbers = ReceiptNumbers(Values(self.store), Counters(self.store), self.kiosk_id)

    def at_city(self, doing: Callable[[Hub, psycopg.AsyncConnection], Awaitable[papers.Row]]) -> papers.Row:
        async def run() -> papers.Row:
            hub = make_hub(self.hub.dsn, load_keys(self.hub.data / "keys"), self.clock, Extras())
            async with hub.pool, hub.jobs.open_async(), hub.pool.connection() as conn:
                return await doing(hub, conn)

        return asyncio.run(run())

    def let_in(self, *files: Path) -> list[tuple[str, str]]:
        """What a supervisor does with what a replaced store has left: result and reason for each case."""

        async def run() -> list[papers.Row]:
            hub = make_hub(self.hub.dsn, load_keys(self.hub.data / "keys"), self.clock, Extras())
            async with hub.pool, hub.jobs.open_async():
                return await papers.restore(hub, files, Leave(frozenset({self.kiosk_id}), "chief"))

        return [(row.taken.value, row.why) for row in asyncio.run(run())]

    def missing(self) -> list[Finding]:
        async def look() -> list[Finding]:
            async with await psycopg.AsyncConnection.connect(self.hub.dsn, autocommit=True) as conn:
                return await findings(conn, self.clock.now() + timedelta(days=2))

        return [each for each in asyncio.run(look()) if each.kiosk_id == self.kiosk_id]

    def numbered(self, receipt_number: str) -> bool:
        return bool(self.hub.sql("select 1 from case_file where receipt_number = %s", receipt_number))

    def gap_alarms(self) -> list[tuple]:
        return self.hub.sql(
            "select kind, (data->>'chain')::int, (data->>'first')::int, (data->>'last')::int from event "
            "where kiosk_id = %s and kind in ('gap_open', 'gap_closed') order by id",
            self.kiosk_id,
        )


@pytest.fixture
async def disks(real_hub: RunningHub, tmp_path: Path) -> AsyncIterator[Disks]:
    made: list[Disk] = []
    name = f"k-{new_key()[-8:]}"

    async def make(carrier: str = "https", suite: str = "std") -> Disk:
        made.append(Disk(real_hub, tmp_path / f"disk{len(made)}", name, carrier, suite))
        await made[-1].enrol_with_numbers()
        return made[-1]

    yield make
    for each in made:
        await each.close()


async def test_a_new_store_delivers_and_the_lost_case_is_alarmed_and_taken_when_it_comes(disks: Disks) -> None:
    old = await disks()
    filed = [old.file_numbered() for _ in range(3)]
    await old.deliver()
    lost = old.file_numbered()
    await old.beat()

    new = await disks()
    fresh = [new.file_numbered() for _ in range(2)]
    await new.deliver()
    await new.beat()
    assert new.states() == ["delivered", "delivered"], "no 409: it begins at 1 again, in a chain of its own"
    assert new.alarms == []
    assert [row.seq for row in new.outbox.rows()] == [1, 2]
    assert len({number for _, number in [*filed, lost, *fresh]}) == 6
    assert new.events("chain_broken") == new.events("held") == 0
    await trio.to_thread.run_sync(eventually, lambda: new.gap_alarms() == [("gap_open", 1, 4, 4)], "the alarm")

    file = old.folder / "late.tbz"
    transfer.export(old.outbox, file)
    assert await trio.to_thread.run_sync(new.let_in, file) == [("restored", "")]
    await trio.to_thread.run_sync(eventually, lambda: len(new.gap_alarms()) == 2, "the end of the alarm")
    assert new.gap_alarms()[1] == ("gap_closed", 1, 4, 4)
    assert new.once_each([key for key, _ in [*filed, lost, *fresh]])
    assert new.events("chain_broken") == 0


async def test_the_slip_of_the_lost_case_restores_it_and_the_new_store_never_noticed(disks: Disks) -> None:
    old = await disks()
    old.file_numbered()
    await old.deliver()
    key, number = old.file_numbered()
    await old.beat()
    new = await disks()
    fresh = [new.file_numbered() for _ in range(3)]
    await new.deliver()
    form = decode_content("case", case_form("zhao", "E13", number))
    proof = old.outbox.proof(key)
    filed = Filed(proof.seq, proof.sha256)
    copy = second_copy(form, filed, case_id=key, key=key, identity=old.identity, seal_key=old.seal_key)
    codes = [read_code(code) for code in copy.codes]
    ends_tomorrow(new.hub, new.kiosk_id)
    payload = join_codes({code.number: code.piece for code in codes})
    row = await trio.to_thread.run_sync(old.at_city, lambda hub, conn: papers.take_in_paper(hub, conn, payload))
    assert (row.taken, key in new.at_hub()) == (papers.Taken.REFUSED, False), "its key was replaced"
    assert f"hub restore --ended {old.kiosk_id}" in row.why
    leave = Leave(frozenset({old.kiosk_id}), "chief")
    row = await trio.to_thread.run_sync(old.at_city, lambda hub, conn: papers.take_in_paper(hub, conn, payload, leave))
    assert (row.slip, row.taken) == (number, papers.Taken.RESTORED)
    assert new.missing() == [], "its number is known, and those of the new store are others"
    assert len(new.at_hub()) == 1 + len(fresh)


async def test_batches_and_answers_of_both_stores_lie_in_one_folder(disks: Disks) -> None:
    """They have the same numbers, and so would have the same names."""
    old = await disks("file")
    lost = old.file_numbered()[0]
    await old.export()
    new = await disks("file")
    fresh = new.file_numbered()[0]
    batches = await new.export()
    assert {key for path in batches for key in keys_in(path)} == {lost, fresh}
    await trio.to_thread.run_sync(new.hub_files)
    assert new.once_each([fresh]), "the other one's key was replaced: it is put aside for a supervisor"
    assert {key for path in (new.exchange / "in").iterdir() for key in keys_in(path)} == {fresh}
    [aside] = (new.exchange / "aside").glob("*.tbz")
    assert await trio.to_thread.run_sync(new.let_in, aside) == [("restored", "")]
    assert new.once_each([lost, fresh])
    await new.deliver()
    assert new.state(fresh) == "delivered"


async def test_a_store_that_was_found_again_goes_on_with_its_own_chain(disks: Disks) -> None:
    old = await disks()
    before = old.file_numbered()
    await old.deliver()
    new = await disks()
    between = new.file_numbered()
    await new.deliver()
    await old.enrol_with_numbers()
    after = old.file_numbered()
    await old.deliver()
    await old.beat()
    assert old.once_each([key for key, _ in (before, between, after)])
    assert len({number for _, number in (before, between, after)}) == 3
    assert old.events("chain_broken") == 0
    assert old.missing() == []


async def test_the_former_stores_export_goes_to_the_city_through_the_machine_itself(disks: Disks) -> None:
    old, file = await disks(), "left.tbz"
    lost = old.file_numbered()[0]
    transfer.export(old.outbox, old.folder / file)
    new = await disks()
    whole = next(transfer.envelopes_in(old.folder / file, []))
    assert transfer.own_line(new.outbox, whole) is None
    assert transfer.own_line(old.outbox, whole).result == "already known"
    [line] = await trio.to_thread.run_sync(transfer.to_hub, new.http, new.verify_key, new.suite, [whole])
    assert (line.result, new.at_hub()) == ("rejected", [])
    assert f"hub restore --ended {old.kiosk_id}" in line.reason
    assert await trio.to_thread.run_sync(new.let_in, old.folder / file) == [("restored", "")]
    assert new.at_hub() == [lost]


@pytest.mark.parametrize("said", [True, False], ids=["says last_seq", "of another make"])
async def test_a_store_that_changes_its_suite_goes_on_with_its_chain(disks: Disks, said: bool) -> None:
    machine = await disks()
    machine.file_numbered()
    await machine.deliver()
    await machine.to_suite("gm", machine.outbox.last_seq() if said else None)
    machine.file_numbered()
    await machine.deliver()
    assert machine.hub.sql("select chain, seq from envelope where kiosk_id = %s order by seq", machine.kiosk_id) == [
        (1, 1),
        (1, 2),
    ]
    assert machine.events("chain_broken") == 0


async def test_a_new_disk_with_another_suite_is_a_new_store(disks: Disks) -> None:
    old = await disks()
    old.file_numbered()
    await old.deliver()
    new = await disks(suite="gm")
    new.file_numbered()
    await new.deliver()
    assert set(new.states()) == {"delivered"}


async def test_no_store_begins_among_the_numbers_of_another_though_the_hub_never_heard_of_one(disks: Disks) -> None:
    """The first disk's cases all stayed offline; so did those of the second."""
    given: list[str] = []
    for generation in range(4):
        disk = await disks()
        mine = [disk.numbers.take("990101", DAY) for _ in range(5)]
        assert {number[6:10] for number in [*given, *mine]} == {mine[0][6:10]}, "the machine's number stays"
        assert int(mine[0][18:23]) >= generation * NEW_STORE
        given += mine
    assert len(set(given)) == len(given)


async def test_a_late_case_of_the_old_store_moves_no_number_of_the_new_one(disks: Disks) -> None:
    old = await disks()
    filed = old.file_numbered()
    new = await disks()
    first = new.numbers.take("990101", DAY)
    file = old.folder / "late.tbz"
    transfer.export(old.outbox, file)
    await trio.to_thread.run_sync(new.let_in, file)
    await trio.to_thread.run_sync(eventually, lambda: new.numbered(filed[1]), "the case's number at the hub")
    await new.enrol_with_numbers()
    assert int(new.numbers.take("990101", DAY)[18:23]) - int(first[18:23]) < SKIPPED


def test_what_was_held_before_chains_were_told_apart_is_taken_after_the_upgrade(cluster: OwnPostgres) -> None:
    """Two stores numbered into one chain: the second one's 3 was taken, its 1 and 2 contradicted."""
    name = f"hub_{new_key()[-8:]}"
    with psycopg.connect(cluster.dsn, autocommit=True) as conn:
        conn.execute(f"create database {name}")
    dsn = cluster.dsn.replace("dbname=tongban", f"dbname={name}")
    before = next(place for place, made in enumerate(tables.MIGRATIONS) if "create table kiosk_chain" in made)
    with pytest.MonkeyPatch.context() as old:
        old.setattr(tables, "MIGRATIONS", tables.MIGRATIONS[:before])
        old.setattr(tables, "SCHEMA_VERSION", before + 1)
        tables.prepare(dsn)
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("insert into kiosk (kiosk_id, public_key, enrolled_at, sent_to) values ('k', 'two', now(), 3)")
        conn.execute(
            "insert into kiosk_key values ('k', 'std', 'one', now() - interval '9 d'), ('k', 'std', 'two', now())"
        )
        for seq, day in ((1, -5), (2, -5), (3, 1)):
            conn.execute(
                "insert into envelope values (%s, %s, 'k', %s, 'case', null, '', '', 'aa', 'aa', "
                "now() + %s * interval '1 d', '', false)",
                [new_key(), seq, seq, day],
            )
    tables.prepare(dsn)
    with psycopg.connect(dsn) as conn:
        assert conn.execute("select chain, seq from envelope order by seq").fetchall() == [(1, 1), (1, 2), (2, 3)]
        assert conn.execute("select public_key, chain from kiosk_key order by chain").fetchall() == [
            ("one", 1),
            ("two", 2),
        ]
        assert conn.execute("select chain, sent_to, whole_to from kiosk_chain order by chain").fetchall() == [
            (1, 0, 0),
            (2, 3, 0),
        ]
