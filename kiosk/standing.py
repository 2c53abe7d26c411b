"""What runs beside the visits stands for as long as the machine runs: what fails is told of and begun anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
import trio

from devices.backoff import Backoff
from kiosk.logs import place_of

log = structlog.get_logger()
BASE_S, CAP_S = 1.0, 60.0


async def standing(part: str, run: Callable[[], Awaitable[None]], alarm: Callable[[str, str], None]) -> None:
    """``run`` until it ends by itself or is canceled; when it raises, again after a pause that grows.

    A surprise in one part is no reason to send away whoever is being served. Each failure is in the log, the first of
    a row is an alarm.
    """
    backoff, told = Backoff(BASE_S, CAP_S), False
    while True:
        since = trio.current_time()
        try:
            return await run()
        except Exception as error:
            # The boundary of a part of the machine.
            stood = trio.current_time() - since > CAP_S
            pause_s = backoff.pause_s(stood=stood)
            log.error("part_failed", part=part, error=type(error).__name__, where=place_of(error), again_in_s=pause_s)
            if stood or not told:
                alarm("part_failed", f"{part} failed ({type(error).__name__}) and is begun anew; see the log")
                told = True
        await trio.sleep(pause_s)
