"""What runs beside the answers: whatever one round ends with, the next one comes, and the others go on."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import psycopg
import pytest

from hub.standing import Round, go_round


@pytest.mark.parametrize("ends_with", [psycopg.OperationalError("away"), LookupError("a surprise")])
def test_a_round_that_fails_is_followed_by_the_next(ends_with: Exception) -> None:
    rounds: list[Any] = []

    async def look(hub: object) -> None:
        rounds.append(hub)
        if len(rounds) < 3:
            raise ends_with
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(go_round(cast("Any", "the hub"), Round("gaps", look, every_s=0)))
    assert rounds == ["the hub"] * 3
