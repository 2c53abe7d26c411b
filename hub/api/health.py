"""Alive, ready, and the figures that monitoring reads. Unsigned: nothing personal is in them."""

from __future__ import annotations

import asyncio

import psycopg
from litestar import Response, get

from hub import events
from hub.api.problems import Problem
from hub.api.strangers import monitors_only
from hub.context import Hub
from hub.gaps import gaps

_COUNTS = {
    "tongban_envelopes_total": ("kind", "select kind, count(*) from envelope group by kind"),
    "tongban_events_total": ("kind", "select kind, count(*) from event group by kind"),
    "tongban_jobs": ("status", "select status::text, count(*) from procrastinate_jobs group by status"),
    "tongban_parcels": ("complete", "select complete::text, count(*) from parcel group by complete"),
    "tongban_chain_breaks": (
        "kiosk_id",
        "select kiosk_id, count(*) from event where kind = 'chain_broken' group by kiosk_id",
    ),
    "tongban_machines": ("enrolled", "select 'true', count(*) from kiosk"),
}


@get("/healthz")
async def healthz() -> dict[str, str]:
    """Answers as long as the process lives."""
    return {"status": "alive"}


@get("/readyz")
async def readyz(hub: Hub) -> dict[str, str]:
    """Answers 200 when the database can be written to, else 503."""
    try:
        async with asyncio.timeout(2), hub.pool.connection() as conn, conn.transaction(force_rollback=True):
            await conn.execute("insert into setting values ('ready', 'true') on conflict do nothing")
    except (psycopg.Error, TimeoutError) as error:
        raise Problem(503, "not_ready", "the database does not answer", headers={"Retry-After": "5"}) from error
    return {"status": "ready"}


@get("/metrics", guards=[monitors_only], media_type="text/plain; version=0.0.4; charset=utf-8")
async def metrics(hub: Hub) -> Response[str]:
    """Figures in Prometheus text format."""
    lines: list[str] = []
    async with hub.pool.connection() as conn:
        for name, (label, query) in _COUNTS.items():
            rows = await (await conn.execute(query.encode())).fetchall()
            lines += _gauge(name, label, dict(rows))
        lines += _gauge("tongban_cases", "state", await events.case_states(conn))
        open_gaps = await gaps(conn, hub.clock.now())
    by_machine: dict[str, int] = {}
    for gap in open_gaps:
        by_machine[gap.kiosk_id] = by_machine.get(gap.kiosk_id, 0) + gap.last - gap.first + 1
    lines += _gauge("tongban_missing_seqs", "kiosk_id", by_machine)
    return Response("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4; charset=utf-8")


def _gauge(name: str, label: str, values: dict[str, int]) -> list[str]:
    return [f"# TYPE {name} gauge", *(f'{name}{{{label}="{key}"}} {value}' for key, value in sorted(values.items()))]
