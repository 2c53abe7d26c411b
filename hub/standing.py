"""What runs beside the answers stands for as long as the hub runs: what fails is told of and tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import psycopg
import structlog
from procrastinate.exceptions import ConnectorException

from hub.context import Hub

_log = structlog.get_logger()


class Round(NamedTuple):
    """What is done again and again: ``look``, then ``every_s`` seconds of rest."""

    name: str
    look: Callable[[Hub], Awaitable[object]]
    every_s: float


async def go_round(hub: Hub, each: Round) -> None:
    """Until canceled. The database may be away for a while: what is missing is still missing afterwards.

    Whatever else goes wrong in one of them ends neither the others nor the answers.
    """
    while True:
        try:
            await each.look(hub)
        except (psycopg.Error, ConnectorException) as error:
            _log.error("round_unknown", round=each.name, error=type(error).__name__)
        except Exception as error:
            # The boundary of what runs beside the answers.
            _log.error("round_failed", round=each.name, error=type(error).__name__)
        await asyncio.sleep(each.every_s)
