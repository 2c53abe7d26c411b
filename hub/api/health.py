"""Alive, ready, and the figures that monitoring reads. Unsigned: nothing personal is in them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping

import psycopg
from litestar import Response, get
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

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
_MEANING = {
    "tongban_envelopes_total": "Envelopes that the city has taken in",
    "tongban_events_total": "Events of cases and machines",
    "tongban_jobs": "Jobs of the work queue",
    "tongban_parcels": "Parcels, complete and still coming",
    "tongban_chain_breaks": "Envelopes whose chain does not fit the one before",
    "tongban_machines": "Machines that are enrolled",
    "tongban_cases": "Cases by where they stand",
    "tongban_missing_seqs": "Numbers of a machine that the city has not got",
}


@get("/healthz")
async def healthz() -> dict[str, str]:
    """Answers as long as the process lives."""
    return {"status": "alive"}


@get("/readyz")
async def readyz(hub: Hub) -> dict[str, str]:
    """Answers 200 when the database can be written to, else 503."""
    if not await asyncio.shield(_look_under_way(hub)):
        raise Problem(503, "not_ready", "the database does not answer", headers={"Retry-After": "5"})
    return {"status": "ready"}


_looks: dict[asyncio.AbstractEventLoop, asyncio.Task[bool]] = {}


def _look_under_way(hub: Hub) -> asyncio.Task[bool]:
    """One for all who ask meanwhile: anybody may, and each for himself would take the connections of the machines."""
    loop = asyncio.get_running_loop()
    if loop not in _looks:
        _looks[loop] = loop.create_task(_can_be_written_to(hub))
        _looks[loop].add_done_callback(lambda _: _looks.pop(loop))
    return _looks[loop]


async def _can_be_written_to(hub: Hub) -> bool:
    try:
        async with asyncio.timeout(2), hub.pool.connection() as conn, conn.transaction(force_rollback=True):
            await conn.execute("insert into setting values ('ready', 'true') on conflict do nothing")
    except (psycopg.Error, TimeoutError):
        return False
    return True


@get("/metrics", guards=[monitors_only], media_type=CONTENT_TYPE_LATEST)
async def metrics(hub: Hub) -> Response[bytes]:
    """Figures in Prometheus text format."""
    figures = CollectorRegistry()
    async with hub.pool.connection() as conn:
        for name, (label, query) in _COUNTS.items():
            rows = await (await conn.execute(query.encode())).fetchall()
            _gauge(figures, name, label, dict(rows))
        _gauge(figures, "tongban_cases", "state", await events.case_states(conn))
        open_gaps = await gaps(conn, hub.clock.now())
    missing: Counter[str] = Counter()
    for gap in open_gaps:
        missing[gap.kiosk_id] += gap.last - gap.first + 1
    _gauge(figures, "tongban_missing_seqs", "kiosk_id", missing)
    return Response(generate_latest(figures), media_type=CONTENT_TYPE_LATEST)


def _gauge(figures: CollectorRegistry, name: str, label: str, values: Mapping[str, int]) -> None:
    gauge = Gauge(name, _MEANING[name], [label], registry=figures)
    for key, value in sorted(values.items()):
        gauge.labels(key).set(value)
