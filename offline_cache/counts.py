"""How many envelopes wait, in one question."""

from __future__ import annotations

from typing import NamedTuple


class Counts(NamedTuple):
    """``depth``: still to go by themselves; ``held``: wait for a person; ``last_seq``: the highest, 0 without any."""

    depth: int
    held: int
    last_seq: int


def _number_of(state: str) -> str:
    whole = "state <> 'delivered' AND seq NOT IN (SELECT seq FROM quarantine)"
    return f"(SELECT COUNT(*) FROM outbox WHERE {whole} AND {state})"  # noqa: S608 - ours


_WAITING = ("state = 'stored' AND due IS NULL", "state = 'stored' AND due IS NOT NULL", "state = 'sending'")
# One statement: an envelope that changes its state meanwhile is counted once. Each count has an index of its own.
COUNTS = f"""SELECT {" + ".join(map(_number_of, _WAITING))} AS depth,
    {_number_of("state = 'held'")} + (SELECT COUNT(*) FROM quarantine) AS held,
    (SELECT COALESCE(MAX(seq), 0) FROM outbox) AS last_seq"""  # noqa: S608 - ours
