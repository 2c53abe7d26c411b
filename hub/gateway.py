"""The hub's way to the departments: each may be slow or away, and none may hold up the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from hub.department import Department
from hub.departments import DEPARTMENTS

ANSWER_WITHIN_S = 5


class DepartmentDown(Exception):
    """The department gave no answer; ask again later."""


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the demo bench and tests switch on (``POST /demo/faults``); a production hub has none.

    The first four concern the hub's own answers: a delay, a refusal (503), a portal's page instead of an answer,
    an answer lost after the work was done. ``down`` names lines whose department is away, ``department_slow_s``
    delays all of them. ``network`` false cuts every call.
    """

    slow_s: float = 0
    refuse: bool = False
    nonsense: bool = False
    lose_answer: bool = False
    down: list[str] = []
    department_slow_s: float = 0
    network: bool = True


NO_FAULTS = Faults()


async def no_faults() -> Faults:
    """The faults of a production hub."""
    return NO_FAULTS


class Gateway:
    """Reaches departments by line."""

    def __init__(self, pool: AsyncConnectionPool, faults: Callable[[], Awaitable[Faults]] = no_faults) -> None:
        self._pool = pool
        self._faults = faults

    @property
    def lines(self) -> list[str]:
        return list(DEPARTMENTS)

    @asynccontextmanager
    async def reach(self, line: str) -> AsyncIterator[tuple[Department, AsyncConnection]]:
        """The department of a line with a connection of its own. Raises DepartmentDown."""
        faults = await self._faults()
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await asyncio.sleep(faults.department_slow_s)
                if line in faults.down:
                    raise DepartmentDown(line)
                async with self._pool.connection() as conn:
                    yield DEPARTMENTS[line], conn
        except TimeoutError as error:
            raise DepartmentDown(line) from error
