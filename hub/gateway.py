"""The hub's way to the departments: each may be slow or away, and none may hold up the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec
import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from hub.department import Department

T = TypeVar("T")
Question = Callable[[Department, AsyncConnection], Awaitable[T]]
_log = structlog.get_logger()

ANSWER_WITHIN_S = 5
DRAWN_WITHIN_S = 12
"""For a paper that is drawn and sealed: the first of a process loads fonts. A machine waits 15 s."""
AT_ONCE = 3
"""So many questions to one department are under way in this process: one that hangs leaves the pool to the others."""
PAUSE_S = 5
"""After so many silences one after the other it is not asked for so long: nobody, and no worker, waits for it."""


class DepartmentDown(Exception):
    """The department gave no answer; ask again later."""


class AnotherCase(DepartmentDown):
    """It holds another case under this key: no later answer will be another one, a person must look."""


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the demo bench and tests switch on (``POST /demo/faults``); a production hub has none.

    The first four concern the hub's own answers: a delay, a refusal (503), a portal's page instead of an answer,
    an answer lost after the work was done. ``down`` names departments that are away, ``department_slow_s``
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


class _Line:
    """How one department has answered lately."""

    def __init__(self) -> None:
        self.room = asyncio.Semaphore(AT_ONCE)
        self.silences = 0
        self.paused_until_s = 0.0

    def was_silent(self, now_s: float) -> None:
        self.silences += 1
        if self.silences >= AT_ONCE:
            self.paused_until_s = now_s + PAUSE_S


class Gateway:
    """Reaches departments by key."""

    def __init__(
        self,
        pool: AsyncConnectionPool,
        departments: Mapping[str, Department],
        faults: Callable[[], Awaitable[Faults]] = no_faults,
    ) -> None:
        self.departments = departments
        self._pool = pool
        self._faults = faults
        self._lines = {key: _Line() for key in departments}

    @asynccontextmanager
    async def reach(self, key: str, within_s: float | None = None) -> AsyncIterator[tuple[Department, AsyncConnection]]:
        """A department with a connection of its own. Raises DepartmentDown."""
        faults, line, now_s = await self._faults(), self._lines[key], asyncio.get_running_loop().time
        if now_s() < line.paused_until_s:
            raise DepartmentDown(key)
        try:
            async with asyncio.timeout(within_s or ANSWER_WITHIN_S), line.room:
                await asyncio.sleep(faults.department_slow_s)
                if key in faults.down:
                    raise DepartmentDown(key)
                async with self._pool.connection() as conn:
                    yield self.departments[key], conn
            line.silences = 0
        except TimeoutError as error:
            line.was_silent(now_s())
            raise DepartmentDown(key) from error

    async def ask(self, key: str, question: Question[T], within_s: float | None = None) -> T:
        """What a department answers. Raises DepartmentDown, also for one that failed: it gave no answer."""
        try:
            async with self.reach(key, within_s) as (department, conn):
                return await question(department, conn)
        except (DepartmentDown, psycopg.DataError):
            raise
        except Exception as error:
            # The boundary of a department's own code. The message may quote a record.
            _log.error("department_failed", department=key, error=type(error).__name__)
            raise DepartmentDown(key) from error

    async def ask_all(self, keys: Iterable[str], question: Question[T]) -> tuple[dict[str, T], list[str]]:
        """What several departments answer, asked at the same time: answers by key, and who gave none."""

        async def one(key: str) -> T | DepartmentDown:
            try:
                return await self.ask(key, question)
            except DepartmentDown as error:
                return error

        keys = list(keys)
        said = dict(zip(keys, await asyncio.gather(*map(one, keys)), strict=True))
        silent = [key for key, answer in said.items() if isinstance(answer, DepartmentDown)]
        return {key: a for key, a in said.items() if not isinstance(a, DepartmentDown)}, silent
