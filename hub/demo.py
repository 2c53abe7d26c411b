"""What only a demonstration hub has: faults on a switch, fresh enrolment codes, the people's records as on day one.

All of it is under ``/demo``, unsigned, and refused to anyone but this machine itself.
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from litestar import Request, delete, get, post
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from hub import lockers, places, stages, work
from hub.api.problems import Problem
from hub.context import Hub
from hub.department import Department
from hub.department_commands import advanced, moved
from hub.enrolment_codes import add_code
from hub.gateway import NO_FAULTS, Faults
from hub.people.generated import population
from hub.server import Extras
from hub.sms import Shelf
from kiosk import shapes
from kiosk.messages.address import is_loopback_host
from kiosk.messages.encoding import decode

PEOPLE = Path(__file__).parent / "people" / "people.toml"
_DEMO_MACHINE = "demo-0001"
_PORTAL = b"<html><head><title>Login</title></head><body>Please log in to use this network.</body></html>"


def read_people(path: Path) -> list[dict[str, Any]]:
    """The people of a people file."""
    people = tomllib.loads(path.read_text("utf-8"))["person"]
    return [person | {"picture": _picture(path.parent / person.get("photo", ""))} for person in people]


def _picture(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


async def seed(hub: Hub, path: Path, *, again: bool = False, made_up: int = 0) -> None:
    """Writes the people's records, once in each department, or ``again`` as they were on the first day.

    ``made_up``: so many more, whom nobody knows (``hub.people.generated``).
    """
    people = read_people(path)
    if made_up:
        people += population(hub.gateway.departments.values(), hub.clock.today(), size=made_up)
    # Hundreds of statements: none waits for the answer to the one before it.
    async with hub.pool.connection() as conn, conn.transaction(), conn.pipeline():
        if (halls := path.parent / "places.toml").is_file() and not await places.halls(conn):
            wanted = shapes.convert(tomllib.loads(halls.read_text("utf-8")), places.Halls)
            await places.set_halls(conn, wanted, hub.clock.now(), "demo")
        for department in hub.gateway.departments.values():
            rows = await conn.execute(
                "insert into setting values (%s, 'true') on conflict do nothing returning name",
                [f"people_{department.key}"],
            )
            if again or await rows.fetchone():
                await department.seed(conn, people)
                await _fill_lockers(hub, conn, department, people)


async def _fill_lockers(hub: Hub, conn: AsyncConnection, department: Department, people: list[dict[str, Any]]) -> None:
    """What waits for these people lies in the demonstration's machine, behind the doors that their file names."""
    for person in people:
        lock, number = person.get("lockers", {}).get(department.key), person["card"]["number"]
        for case_key in (await department.ready(conn, number))[:1] if lock else []:
            await conn.execute("delete from locker where kiosk_id = %s and lock = %s", [_DEMO_MACHINE, lock])
            who = (hub.keys.person_ref(number), department.key)
            await lockers.put(conn, _DEMO_MACHINE, lock, case_key, *who, hub.clock.now(), "demo")


async def current_faults(hub: Hub) -> Faults:
    """The faults that are switched on. They live in the database: no process remembers anything."""
    async with hub.pool.connection() as conn:
        rows = await conn.execute("select value from setting where name = 'faults'")
        row = await rows.fetchone()
    return shapes.convert(row[0], Faults) if row else NO_FAULTS


async def _set(hub: Hub, faults: Faults) -> Faults:
    async with hub.pool.connection() as conn, conn.transaction():
        await conn.execute(
            "insert into setting values ('faults', %s) on conflict (name) do update set value = excluded.value",
            [Jsonb(msgspec.to_builtins(faults))],
        )
        await work.ask_again_now(conn)
    return faults


def _loopback_only(connection: ASGIConnection, _: BaseRouteHandler) -> None:
    host = connection.client.host if connection.client else ""
    if not is_loopback_host(host):
        raise Problem(403, "loopback_only", "only this machine itself may do that")


@get("/demo/faults", guards=[_loopback_only], include_in_schema=False)
async def get_faults(hub: Hub) -> Faults:
    """Tells the faults that are switched on."""
    return await current_faults(hub)


@post("/demo/faults", guards=[_loopback_only], status_code=200, include_in_schema=False)
async def set_faults(request: Request, hub: Hub) -> Faults:
    """Replaces all faults by those of the body."""
    return await _set(hub, decode(await request.body(), Faults))


@delete("/demo/faults", guards=[_loopback_only], status_code=200, include_in_schema=False)
async def clear_faults(hub: Hub) -> Faults:
    """Ends all faults; work that waits for a department is taken up at once."""
    return await _set(hub, NO_FAULTS)


class Network(msgspec.Struct, forbid_unknown_fields=True):
    """Whether machines reach the hub."""

    up: bool


@post("/demo/network", guards=[_loopback_only], status_code=200, include_in_schema=False)
async def set_network(request: Request, hub: Hub) -> Faults:
    """Cuts the network between machines and hub, or mends it; other faults stay."""
    wish = decode(await request.body(), Network)
    return await _set(hub, msgspec.structs.replace(await current_faults(hub), network=wish.up))


class DaysWish(msgspec.Struct, forbid_unknown_fields=True):
    """At which department how many days pass."""

    department: str
    days: int


class StageWish(msgspec.Struct, forbid_unknown_fields=True):
    """An officer's word on a case."""

    receipt_number: str
    department: str
    state: str
    reasons: list[str] = []


@post("/demo/days", guards=[_loopback_only], status_code=200, include_in_schema=False)
async def let_days_pass(request: Request, hub: Hub) -> dict[str, str]:
    """Lets days pass at a reference department."""
    wish = decode(await request.body(), DaysWish)
    async with hub.pool.connection() as conn:
        department = hub.gateway.departments[wish.department]
        day = await advanced(conn, department, wish.days, hub.clock, "demo")
    await stages.follow_all(hub)
    return {"day": day.isoformat()}


@post("/demo/stage", guards=[_loopback_only], status_code=200, include_in_schema=False)
async def move_case(request: Request, hub: Hub) -> dict[str, str]:
    """Says an officer's word on a case."""
    wish = decode(await request.body(), StageWish)
    department, reasons = hub.gateway.departments[wish.department], tuple(wish.reasons)
    async with hub.pool.connection() as conn:
        await moved(conn, department, wish.receipt_number, wish.state, reasons, hub.clock, "demo")
    await stages.follow_all(hub)
    return {"state": wish.state}


class CodeWish(msgspec.Struct, forbid_unknown_fields=True):
    """For which machine (None: the one that uses it first), and whether it may take the place of an enrolled store."""

    machine: str | None = None
    replace: bool = False


@post("/demo/codes", guards=[_loopback_only], status_code=201, include_in_schema=False)
async def make_code(request: Request, hub: Hub) -> dict[str, str]:
    """Makes one more one-time enrolment code."""
    wish = decode(await request.body() or b"{}", CodeWish)
    async with hub.pool.connection() as conn:
        return {"code": await add_code(conn, hub.clock.now(), wish.machine, replaces=wish.replace)}


def faulty(hub: Hub, app: ASGIApp) -> ASGIApp:
    """A layer around the API that answers ``/v1`` as the switched-on faults say."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await app(scope, receive, send)
            return
        try:
            faults = await current_faults(hub)
        except psycopg.OperationalError:
            faults = NO_FAULTS  # that the database is away is told by the API itself
        await asyncio.sleep(faults.slow_s)
        if not faults.network:
            await _hang_up(send)
        elif faults.refuse:
            await _say(send, 503, b"", b"text/plain")
        elif faults.nonsense:
            await _say(send, 200, _PORTAL, b"text/html")
        elif faults.lose_answer:
            await app(scope, receive, _nowhere)
            await _hang_up(send)
        else:
            await app(scope, receive, send)

    return answer


async def _say(send: Send, status: int, body: bytes, media_type: bytes) -> None:
    headers = [(b"content-type", media_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _hang_up(send: Send) -> None:
    # An answer that promises bytes and never brings them: the server closes the connection in the middle.
    await send({"type": "http.response.start", "status": 503, "headers": [(b"content-length", b"1")]})


async def _nowhere(_: Any) -> None:
    pass


def demo_extras(people: Path, made_up: int = 0) -> Extras:
    """Everything that ``hub demo`` adds."""

    @post("/demo/reset", guards=[_loopback_only], status_code=200, include_in_schema=False)
    async def reset(hub: Hub) -> dict[str, bool]:
        """Gives the people their records of the first day again; cases stay."""
        await seed(hub, people, again=True, made_up=made_up)
        return {"reset": True}

    def faults(hub: Hub) -> Callable[[], Awaitable[Faults]]:
        async def current() -> Faults:
            return await current_faults(hub)

        return current

    @get("/demo/messages", guards=[_loopback_only], include_in_schema=False)
    async def messages(hub: Hub) -> dict[str, str]:
        """The last text message of each telephone of this demonstration."""
        return dict(hub.sms.messages) if isinstance(hub.sms, Shelf) else {}

    routes = [messages, get_faults, set_faults, clear_faults, set_network, make_code, let_days_pass, move_case, reset]
    return Extras(routes, faulty, faults)
