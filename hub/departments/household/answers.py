"""What people say in a case, judged by the register: reasons against it that no fact about the person tells."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from psycopg import AsyncConnection

from hub.department import Application, Facts

Judge = Callable[[AsyncConnection, Application, Facts], Awaitable[list[str]]]


async def _loss(_: AsyncConnection, application: Application, facts: Facts) -> list[str]:
    """A card is lost once, and only one that is lost is found; not when its successor is being made (art. 11)."""
    is_lost = facts.get("id_card_state") == "lost"
    if application.answers.get("loss") != "found":
        return ["loss_declared_before"] if is_lost else []
    if not is_lost:
        return ["card_not_lost"]
    return ["card_replaced"] if facts.get("id_cases_open") or facts.get("id_cards_to_collect") else []


async def _address(conn: AsyncConnection, application: Application, _: Facts) -> list[str]:
    """A residence is registered at an address of the standard base only."""
    told = application.answers.get("address", "")
    rows = await conn.execute("select 1 from household.standard_address where address = %s", [str(told)])
    return [] if await rows.fetchone() else ["address_unknown"]


OF_ANSWERS: Mapping[str, Judge] = {"loss_declared": _loss, "residence_registered": _address}
"""By the effect that acceptance would have."""
