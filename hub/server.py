"""One hub process: the API, the worker towards the departments, and their common context."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import structlog
from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import ASGIApp

from hub import gap_alarm, handover, parcels, question_log, stages, work
from hub.api import catalogue, certificates, enrolments, health, heartbeats, messages, phone, questions
from hub.api.caller import signed_caller, verified_caller
from hub.api.front import BODY_BYTES, Front
from hub.api.problems import HANDLERS
from hub.api.strangers import NOBODY_ELSE, Doors, monitors_only
from hub.certificates import warm
from hub.context import Hub
from hub.database import open_pool
from hub.department import Department
from hub.departments import departments
from hub.gateway import Faults, Gateway, no_faults
from hub.keys import HubKeys
from hub.payments import notices, upkeep
from hub.payments.acquirer import Acquirer
from hub.published import at_start
from hub.sms import SmsPort
from hub.standing import Round, go_round
from kiosk.clock import Clock

_log = structlog.get_logger()
ROUTES = [
    *(messages.put_envelope, messages.put_parcel, messages.head_parcel, messages.post_batch),
    *(enrolments.enrol, heartbeats.heartbeat, questions.ask, questions.get_progress, catalogue.catalogue),
    *(health.healthz, health.readyz, health.metrics, notices.notified),
    *(certificates.verify_certificate, phone.phone_page, phone.open_once),
]


@dataclass(frozen=True)
class Extras:
    """What ``hub demo`` adds to a hub: routes, a layer around the application, and where faults come from."""

    routes: Sequence[Any] = ()
    layer: Callable[[Hub, ASGIApp], ASGIApp] = field(default=lambda _, app: app)
    faults: Callable[[Hub], Callable[[], Awaitable[Faults]]] = field(default=lambda _: no_faults)
    warms: bool = True
    """Whether it gets ready at once for its first certificate; one that is there for a moment only does not."""


def make_hub(
    dsn: str,
    keys: HubKeys,
    clock: Clock,
    extras: Extras,
    names: Sequence[str] = (),
    acquirer: Acquirer | None = None,
    remote: Mapping[str, Department] = MappingProxyType({}),
    sms: SmsPort | None = None,
) -> Hub:
    """The context of one process; its pool is not yet open. ``remote``: departments that are systems of their own."""
    pool = open_pool(dsn)

    async def faults() -> Faults:
        return await extras.faults(hub)()

    gateway, jobs = Gateway(pool, {**departments(), **remote}, faults), work.make_jobs(dsn)
    hub = Hub(pool, keys, clock, at_start(dsn, clock.today()), gateway, jobs, names=names, acquirer=acquirer, sms=sms)
    return hub


def make_app(hub: Hub, extras: Extras, doors: Doors = NOBODY_ELSE) -> ASGIApp:
    """The ASGI application."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with hub.pool, hub.jobs.open_async(), asyncio.TaskGroup() as tasks:
            work_tasks = [tasks.create_task(go_round(hub, each)) for each in _BESIDE]
            if extras.warms:
                work_tasks.append(tasks.create_task(asyncio.to_thread(warm)))
            yield
            for task in work_tasks:
                task.cancel()
        if hub.acquirer:
            await hub.acquirer.aclose()

    routes = Litestar(
        [*ROUTES, *extras.routes],
        state=State({"hub": hub}),
        dependencies={
            "hub": Provide(lambda: hub, sync_to_thread=False),
            "caller": Provide(signed_caller),
            "sender": Provide(verified_caller, sync_to_thread=False),
        },
        exception_handlers=HANDLERS,
        lifespan=[lifespan],
        openapi_config=OpenAPIConfig(
            "Tongban hub",
            "1",
            openapi_router=Router("/schema", route_handlers=[], guards=[monitors_only]),
            render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"])],
            use_handler_docstrings=True,
        ),
        logging_config=None,
        request_max_body_size=BODY_BYTES,
    )
    return extras.layer(hub, Front(hub, routes, doors))


_RETRIES_LOOKED_FOR_S = 2.0
"""PostgreSQL tells of a new job at once; one that is to be tried again is looked for."""


async def _worker(hub: Hub) -> None:
    await hub.jobs.run_worker_async(
        concurrency=work.CONCURRENCY,
        fetch_job_polling_interval=_RETRIES_LOOKED_FOR_S,
        install_signal_handlers=False,
        delete_jobs="successful",
        additional_context={"hub": hub},
        shutdown_graceful_timeout=2,
    )


async def _stalled(hub: Hub) -> None:
    await work.resume_stalled(hub.jobs)


async def _gaps(hub: Hub) -> None:
    async with hub.pool.connection() as conn:
        await gap_alarm.look(conn, hub.clock.now())
        await question_log.forget_old(conn, hub.clock.now())
        await handover.forget_old(conn, hub.clock.now())


async def _orphans(hub: Hub) -> None:
    async with hub.pool.connection() as conn:
        if collected := await parcels.collect_orphans(conn):
            _log.warning("orphans_collected", count=collected)


async def _catalogue(hub: Hub) -> None:
    async with hub.pool.connection() as conn:
        if await hub.in_force.look(conn, hub.clock.today()):
            await work.ask_unknown_again(conn)


async def _stages(hub: Hub) -> None:
    await stages.follow_all(hub)
    await work.end_waiting(hub)


_BESIDE = (
    Round("worker", _worker, every_s=2),
    Round("stalled", _stalled, every_s=30),
    Round("gaps", _gaps, every_s=15),
    Round("orphans", _orphans, every_s=600),
    Round("catalogue", _catalogue, every_s=5),
    Round("payments", upkeep.look, every_s=2),
    Round("stages", _stages, every_s=2),
)
