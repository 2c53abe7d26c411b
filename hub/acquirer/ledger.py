"""The acquirer's own books, in one SQLite file: orders, payments, refunds."""

from __future__ import annotations

import secrets
import sqlite3
from datetime import date
from pathlib import Path
from typing import Any

from kiosk.clock import Clock, from_rfc3339, local

_TABLES = """
create table if not exists orders (
    order_no text primary key, amount_fen integer not null, title text not null, notify_url text not null,
    closes_at text not null, code text not null unique, state text not null default 'unpaid',
    trade_no text not null default '', paid_at text not null default ''
) strict;
create table if not exists movements (
    kind text not null, number text not null, order_no text not null, amount_fen integer not null, at text not null,
    day text not null, primary key (kind, number)
) strict;
"""


class Refused(Exception):
    """What the acquirer does not do; the text says why."""


class Ledger:
    """One process, one connection."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.executescript(_TABLES)
        self._clock = clock

    def make(self, order: str, amount_fen: int, title: str, closes_at: str, notify_url: str) -> str:
        """The code of an order, new or as it is. Raises Refused for one of another amount."""
        self._db.execute(
            "insert into orders (order_no, amount_fen, title, notify_url, closes_at, code) values (?, ?, ?, ?, ?, ?) "
            "on conflict do nothing",
            (order, amount_fen, title, notify_url, closes_at, secrets.token_urlsafe(12)),
        )
        known = self.order(order)
        if known is None or known["amount_fen"] != amount_fen:
            raise Refused("an order of another amount")
        return known["code"]

    def order(self, order: str) -> dict[str, Any] | None:
        """An order by its number; what nobody paid in time is closed."""
        return self._one("order_no", order)

    def by_code(self, code: str) -> dict[str, Any] | None:
        """The same by what its QR code says."""
        return self._one("code", code)

    def _one(self, column: str, value: str) -> dict[str, Any] | None:
        row = self._db.execute(f"select * from orders where {column} = ?", (value,)).fetchone()  # noqa: S608 - two names
        if row is None:
            return None
        if row["state"] == "unpaid" and from_rfc3339(row["closes_at"]) <= self._clock.now():
            return self.close(row["order_no"])
        return dict(row)

    def unpaid(self) -> list[dict[str, Any]]:
        """Orders that a phone can pay now, the newest first."""
        numbers = self._db.execute("select order_no from orders where state = 'unpaid' order by rowid desc").fetchall()
        found = (self.order(row["order_no"]) for row in numbers)
        return [row for row in found if row and row["state"] == "unpaid"]

    def close(self, order: str) -> dict[str, Any] | None:
        """Closed unless it is paid."""
        self._db.execute("update orders set state = 'closed' where order_no = ? and state = 'unpaid'", (order,))
        row = self._db.execute("select * from orders where order_no = ?", (order,)).fetchone()
        return dict(row) if row else None

    def pay(self, code: str) -> dict[str, Any]:
        """A phone pays. Raises Refused for what is paid or closed: nobody pays twice."""
        known = self.by_code(code)
        if known is None or known["state"] != "unpaid":
            raise Refused(f"this code is {known['state'] if known else 'unknown'}")
        trade_no, now = f"4200{secrets.randbelow(10**16):016d}", self._clock.now()
        self._db.execute(
            "update orders set state = 'paid', trade_no = ?, paid_at = ? where code = ?",
            (trade_no, now.isoformat(), code),
        )
        self.move("pay", known["order_no"], known["order_no"], known["amount_fen"])
        return self.by_code(code) or known

    def refund(self, refund: str, order: str, amount_fen: int) -> str:
        """When it went back; the same number again changes nothing. Raises Refused for more than was paid."""
        done = self._db.execute("select * from movements where kind = 'refund' and number = ?", (refund,)).fetchone()
        if done is None:
            known = self.order(order)
            back = self._db.execute(
                "select coalesce(sum(amount_fen), 0) from movements where kind = 'refund' and order_no = ?", (order,)
            ).fetchone()[0]
            if known is None or known["state"] != "paid" or back + amount_fen > known["amount_fen"]:
                raise Refused("more than was paid")
            return self.move("refund", refund, order, amount_fen)
        if (done["order_no"], done["amount_fen"]) != (order, amount_fen):
            raise Refused("this refund number is another refund's")
        return done["at"]

    def move(self, kind: str, number: str, order: str, amount_fen: int) -> str:
        """One line of the books; its time."""
        now = self._clock.now()
        values = (kind, number, order, amount_fen, now.isoformat(), local(now).date().isoformat())
        self._db.execute("insert into movements values (?, ?, ?, ?, ?, ?)", values)
        return now.isoformat()

    def bill(self, day: date) -> str:
        """Every movement of a local day, as CSV."""
        rows = self._db.execute("select * from movements where day = ? order by at, rowid", (day.isoformat(),))
        lines = [f"{row['kind']},{row['number']},{row['order_no']},{row['amount_fen']}" for row in rows]
        return "\n".join(["kind,number,order,amount_fen", *lines, ""])
