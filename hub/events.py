"""The append-only log: every change of state, when and by whom. Figures are recomputed from it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

CASE_STATE = "case_state"


async def record(
    conn: AsyncConnection,
    at: datetime,
    *,
    actor: str,
    kind: str,
    key: str | None = None,
    kiosk_id: str | None = None,
    **data: Any,
) -> None:
    """Adds one event, in the caller's transaction."""
    await conn.execute(
        "insert into event (at, actor, kind, envelope_key, kiosk_id, data) values (%s, %s, %s, %s, %s, %s)",
        [at, actor, kind, key, kiosk_id, Jsonb(_storable(data))],
    )


def _storable(value: Any) -> Any:
    """As the log can hold it: no U+0000 and no half of a surrogate pair, which a file's name may have."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_storable(name): _storable(item) for name, item in value.items()}
    return [_storable(item) for item in value] if isinstance(value, (list, tuple)) else value


async def case_states(conn: AsyncConnection) -> dict[str, int]:
    """How many cases are in each state, from the log alone (``case_file.state`` must agree with it)."""
    rows = await conn.execute(
        """select state, count(*) from (
               select distinct on (envelope_key) data->>'state' as state from event
               where kind = %s order by envelope_key, id desc) last group by state""",
        [CASE_STATE],
    )
    return dict(await rows.fetchall())
