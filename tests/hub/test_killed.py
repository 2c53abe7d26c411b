"""What may be killed at the city: all of PostgreSQL under a running hub, a hub between an effect and its mark."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import psycopg
import pytest
from procrastinate import App
from procrastinate.testing import InMemoryConnector
from psycopg_pool import AsyncConnectionPool
from psycopg_pool.base import AttemptWithBackoff

from hub.database import open_pool
from hub.postgres import OwnPostgres
from hub.stopping import FORCED
from hub.work import UntilItAnswers
from tests.hub.fixtures import Machine, RunningHub, Sealed, case_form, frozen, number_of
from tests.waiting import HANG_S, eventually

TAKEN = (200, 201)


def kill_all_of(postgres: OwnPostgres) -> None:
    """The postmaster and every backend, at once, with nothing written any more."""
    postmaster = psutil.Process(postgres.pid)
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, timeout=60)


def put(machine: Machine, sent: Sealed) -> int:
    """The status that the hub answers with; 0: it hung up."""
    try:
        return machine.put(sent).status_code
    except httpx.TransportError:
        return 0


def at_each_door(hub: RunningHub, machine: Machine, sent: Sealed) -> dict[str, tuple[int, str, str]]:
    """Status, media type and ``Retry-After`` of what is answered, all asked at the same time."""
    fresh = Machine(hub, "K-no-database")
    fresh.client.timeout = machine.client.timeout
    doors = {
        "enrolment": lambda: fresh.enrol("A1B2-C3D4-E5F6"),
        "heartbeat": lambda: machine.call("POST", "/v1/heartbeats", b"{}"),
        "parcel": lambda: machine.put_parcel(b"sealed"),
        "offset": lambda: machine.call("HEAD", f"/v1/parcels/{'0' * 64}"),
        "envelope": lambda: machine.put(sent),
        "batch": lambda: machine.call("POST", "/v1/batches", b"x"),
        "question": lambda: machine.call("POST", "/v1/questions/progress", b"{}"),
        "catalogue": lambda: machine.call("GET", "/v1/catalogue"),
    }
    with ThreadPoolExecutor(len(doors)) as pool:
        answers = dict(zip(doors, pool.map(lambda ask: ask(), doors.values()), strict=True))
    return {
        door: (answer.status_code, answer.headers.get("content-type", ""), answer.headers.get("retry-after", ""))
        for door, answer in answers.items()
    }


def demo_works(hub: RunningHub) -> bool:
    return httpx.delete(f"{hub.url}/demo/faults", timeout=60).is_success


def test_all_of_postgres_is_killed_under_a_running_hub(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder: Path = tmp_path_factory.mktemp("pg")
    with OwnPostgres(folder / "c") as postgres:
        hub = RunningHub(postgres.dsn, folder / "hub")
        hub.start()
        machine = hub.machine()
        machine.client.timeout = httpx.Timeout(60)
        machine.file_case("li", "H13", "P-done")
        machine.wait_for("P-done", "accepted")
        hub.demo("POST", "faults", down=["traffic"])
        machine.file_case("zhao", "T01", "P-waits")
        machine.wait_for("P-waits", "delivered")
        under_way = machine.envelope("case", case_form("wang", "H13", "P-under-way"))
        kill_all_of(postgres)
        told = at_each_door(hub, machine, under_way)
        assert told == dict.fromkeys(told, (503, "application/problem+json", "5")), "try again, and when"
        assert httpx.get(f"{hub.url}/healthz", timeout=60).is_success, "the hub itself lives"
        assert httpx.get(f"{hub.url}/readyz", timeout=60).status_code == 503
        postgres.start()
        eventually(lambda: demo_works(hub), "the hub reaches its database again")
        eventually(lambda: put(machine, under_way) in TAKEN, "the machine's next try is taken")
        for number, line in (("P-waits", "traffic"), ("P-under-way", "household"), ("P-done", "household")):
            machine.wait_for(number, "accepted")
            case = machine.case(number)
            assert [(s.state, s.by) for s in case.states] == [("delivered", "hub"), ("accepted", line)]
        assert hub.sql("select count(*) from envelope") == [(3,)]
        assert hub.sql("select count(*) from household.application") == [(2,)]
        assert valid_to(hub, "li") == date(2028, 2, 5)
        assert valid_to(hub, "wang") == date(2028, 1, 31)
        assert hub.process is not None
        assert hub.process.poll() is None
        assert hub.stop() == 0


def test_a_hub_whose_database_hangs_is_stopped_all_the_same_and_has_lost_nothing(tmp_path: Path) -> None:
    with OwnPostgres(tmp_path / "c") as postgres:
        hub = RunningHub(postgres.dsn, tmp_path / "hub")
        hub.start()
        machine = hub.machine()
        machine.file_case("li", "H13", "P-before")
        machine.client.timeout = 2
        with frozen(postgres):
            assert put(machine, machine.envelope("case", case_form("wang", "H13", "P-hangs"), parcels=False)) == 0
            assert hub.stop() == FORCED
        hub.start(port=urlsplit(hub.url).port or 0)
        machine.client.timeout = HANG_S
        machine.wait_for("P-before", "accepted")
        assert hub.stop() == 0


def test_a_frozen_database_holds_no_request_for_ever_and_all_is_well_after_it(tmp_path: Path) -> None:
    """Its connections stay open and say nothing: as many requests as the pool has waited without end."""
    with OwnPostgres(tmp_path / "c") as postgres:
        hub = RunningHub(postgres.dsn, tmp_path / "hub")
        hub.start()
        machine = hub.machine()
        machine.client.timeout = httpx.Timeout(60)
        under_way = machine.envelope("case", case_form("wang", "H13", "P-frozen"))
        with frozen(postgres), ThreadPoolExecutor(4) as many:
            rounds = many.map(lambda _: at_each_door(hub, machine, under_way), range(4))
            for told in rounds:
                assert told == dict.fromkeys(told, (503, "application/problem+json", "5")), "try again, and when"
            assert httpx.get(f"{hub.url}/readyz", timeout=60).status_code == 503
        eventually(lambda: put(machine, under_way) in TAKEN, "the machine's next try is taken")
        machine.wait_for("P-frozen", "accepted")
        assert hub.sql("select count(*) from envelope") == [(1,)]
        assert hub.stop() == 0


def test_a_database_that_was_away_for_long_is_reached_soon_after_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool waited twice as long after each attempt: some minutes away, and some minutes more."""
    monkeypatch.setattr(AttemptWithBackoff, "DELAY_BACKOFF", 1000.0)

    async def asked(pool: AsyncConnectionPool) -> bool:
        try:
            async with pool.connection(timeout=1) as conn:
                await conn.execute("select")
        except psycopg.OperationalError:
            return False
        return True

    async def away_and_back(postgres: OwnPostgres) -> None:
        async with open_pool(postgres.dsn) as pool:
            assert await asked(pool)
            await asyncio.to_thread(postgres.stop)
            while pool.get_stats().get("connections_errors", 0) < 2 * pool.min_size:
                assert not await asked(pool)
            await asyncio.to_thread(postgres.start)
            async with asyncio.timeout(60):
                while not await asked(pool):
                    pass

    with OwnPostgres(tmp_path / "c", durable=False) as postgres:
        asyncio.run(away_and_back(postgres))


def valid_to(hub: RunningHub, person: str) -> date:
    rows = hub.sql("select valid_to from household.residence_permit where id_number = %s", number_of(person))
    return rows[0][0]


def test_a_hub_killed_between_a_departments_effect_and_its_mark_does_it_once(hub: RunningHub) -> None:
    machine = hub.machine()
    before = valid_to(hub, "li")
    hub.demo("POST", "faults", down=["household"])
    sent = machine.file_case("li", "H13", "K-once")
    opened = "select 1 from event where envelope_key = %s and kind = 'opened'"
    eventually(lambda: bool(hub.sql(opened, sent.key)), "the case is opened")
    done = "select 1 from household.application where case_key = %s and decision is not null"
    with psycopg.connect(hub.dsn) as held:
        # Whoever wants to mark the case waits here.
        held.execute("select 1 from case_file where key = %s for update", [sent.key])
        hub.demo("DELETE", "faults")
        eventually(lambda: bool(hub.sql(done, sent.key)), "the department has acted")
        assert machine.states("K-once") == ["delivered"]
        hub.kill()
    hub.start(int(hub.url.rsplit(":", 1)[1]))
    machine.wait_for("K-once", "accepted")
    assert machine.states("K-once") == ["delivered", "accepted"]
    assert hub.sql("select count(*) from household.application where case_key = %s", sent.key) == [(1,)]
    assert valid_to(hub, "li") == before.replace(year=before.year + 1), "one year more, not two"


def test_work_that_the_end_of_a_hub_cuts_off_is_taken_up_again_however_often_it_was_tried() -> None:
    """A department that had been away for an hour was asked as the hub was restarted: its case waited for ever."""
    begun = asyncio.Event()

    async def hangs() -> None:
        begun.set()
        await asyncio.Event().wait()

    async def restarted(connector: InMemoryConnector) -> None:
        async with App(connector=connector).open_async() as jobs:
            task = jobs.task(name="hangs", retry=UntilItAnswers())(hangs)
            number = await task.defer_async()
            connector.jobs[number]["attempts"] = 1000
            worker = asyncio.create_task(
                jobs.run_worker_async(install_signal_handlers=False, shutdown_graceful_timeout=0.1)
            )
            await begun.wait()
            worker.cancel()
            await asyncio.wait({worker})

    kept = InMemoryConnector()
    asyncio.run(restarted(kept))
    assert [job["status"] for job in kept.jobs.values()] == ["todo"]
