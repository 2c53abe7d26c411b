"""The acquirer over HTTP: every answer is believed only with its signature."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from hub import outgoing
from hub.outgoing import NoAnswer
from hub.payments import wire
from hub.payments.acquirer import (
    AcquirerAway,
    AcquirerRefuses,
    Aware,
    BadNotice,
    Bill,
    BillRow,
    OrderState,
)
from kiosk import shapes
from kiosk.clock import Clock
from kiosk.messages.address import is_loopback_host
from kiosk.messages.bounds import END, Line, Named, one_line
from kiosk.messages.encoding import BadSignature, InvalidMessage, decode
from kiosk.messages.ours import read_ours
from kiosk.messages.seal import public_sign_key, require_sign_key
from kiosk.messages.text_file import text_of

T = TypeVar("T")
NOTICES = "/acquirer/notifications"
_WITHIN_S, _BILL_WITHIN_S = 8.0, 300.0
"""A machine waits 15 s for the answer to its question about money; a day's bill is asked for by a person."""
_ANSWER_BYTES, _BILL_BYTES = 64 * 1024, 64 * 1024 * 1024
_SETTINGS_BYTES = 16 * 1024


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``acquirer.toml``. ``private_key_file`` lies beside it unless it has a path of its own."""

    url: str
    merchant: str
    private_key_file: str
    verify_key: str
    notify_url: str = ""


class _Made(msgspec.Struct, frozen=True):
    pay_url: Annotated[Line, Meta(min_length=1)]


class _Refunded(msgspec.Struct, frozen=True):
    done_at: Aware


class _Line(msgspec.Struct, frozen=True):
    kind: Literal["pay", "refund"]
    number: Named
    order: Named
    amount_fen: Annotated[str, Meta(pattern=f"^[1-9][0-9]{{0,8}}{END}")]


class HttpAcquirer:
    """One per hub process. ``notify_url``: where the acquirer reports payments to."""

    def __init__(self, settings: Settings, private_key: str, clock: Clock, notify_url: str) -> None:
        self._settings, self._private_key, self._clock = settings, private_key, clock
        self._notify_url = settings.notify_url or notify_url
        self._client = outgoing.client(settings.url)

    async def make_order(self, order: str, amount_fen: int, title: str, closes_at: datetime) -> str:
        wish = {"order": order, "amount_fen": amount_fen, "title": title, "closes_at": closes_at.isoformat()}
        return (await self._say("POST", "/v1/orders", _Made, wish | {"notify_url": self._notify_url})).pay_url

    async def query(self, order: str) -> OrderState:
        return _about(order, await self._say("GET", f"/v1/orders/{order}", OrderState))

    async def close(self, order: str) -> OrderState:
        return _about(order, await self._say("POST", f"/v1/orders/{order}/close", OrderState, {}))

    async def refund(self, refund: str, order: str, amount_fen: int) -> datetime:
        wish = {"refund": refund, "order": order, "amount_fen": amount_fen}
        return (await self._say("POST", "/v1/refunds", _Refunded, wish)).done_at

    async def bill(self, day: date) -> Bill:
        return _read_bill(await self._send("GET", f"/v1/bills/{day.isoformat()}", b"", _BILL_BYTES, _BILL_WITHIN_S))

    def read_notice(self, path: str, headers: Mapping[str, str], body: bytes, now: datetime) -> OrderState:
        try:
            key, now_s = self._settings.verify_key, int(now.timestamp())
            wire.check_request("POST", path, body, headers, public_key=key, now_s=now_s)
            return decode(body, OrderState)
        except (BadSignature, InvalidMessage) as error:
            raise BadNotice(str(error)) from error

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _say(self, method: str, path: str, kind: type[T], said: dict[str, Any] | None = None) -> T:
        body = b"" if said is None else msgspec.json.encode(said)
        answer = await self._send(method, path, body, _ANSWER_BYTES, _WITHIN_S)
        try:
            return decode(answer, kind)
        except InvalidMessage as error:
            raise AcquirerAway(f"an answer in another form: {error.field or 'no JSON'}") from error

    async def _send(self, method: str, path: str, body: bytes, most_bytes: int, within_s: float) -> bytes:
        who = {"party": self._settings.merchant, "private_key": self._private_key}
        headers = wire.sign_request(method, path, body, time_s=int(self._clock.now().timestamp()), **who)
        limits = {"most_bytes": most_bytes, "within_s": within_s}
        try:
            answer = await outgoing.ask(self._client, method, path, **limits, content=body, headers=headers)
        except NoAnswer as error:
            raise AcquirerAway(str(error)) from error
        try:
            signature, nonce = answer.headers.get(wire.SIGNATURE, ""), headers[wire.NONCE]
            wire.check_answer(answer.status, nonce, answer.body, signature, self._settings.verify_key)
        except BadSignature as error:
            raise AcquirerAway(f"status {answer.status} that the acquirer has not signed") from error
        if 200 <= answer.status < 300:
            return answer.body
        if 400 <= answer.status < 500:
            raise AcquirerRefuses(f"status {answer.status}: {one_line(answer.body[:200].decode(errors='replace'))}")
        raise AcquirerAway(f"status {answer.status}")


def load_acquirer(path: Path, clock: Clock, own_url: str = "") -> HttpAcquirer:
    """The acquirer of a settings file. Raises OSError, ValueError with one line."""
    try:
        settings = shapes.convert(tomllib.loads(text_of(path, read_ours(path, _SETTINGS_BYTES))), Settings)
        require_sign_key(settings.verify_key, field="verify_key")
        key_file = path.parent / settings.private_key_file
        private_key = text_of(key_file, read_ours(key_file, _SETTINGS_BYTES, secret=True)).strip()
        public_sign_key(private_key)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, InvalidMessage) as error:
        raise ValueError(f"{path}: {error}") from error
    parts = urlsplit(settings.url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback_host(parts.hostname or "")):
        raise ValueError(f"{path}: url: money goes over https; http is for this computer only")
    return HttpAcquirer(settings, private_key, clock, own_url + NOTICES)


def _read_bill(body: bytes) -> Bill:
    """A bill as CSV (RFC 4180) with a head; one line that says nothing is named alone.

    Raises AcquirerAway.
    """
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""))
        head = next(lines, [])
        if not set(head) >= set(BillRow._fields):
            raise AcquirerAway("a bill in another form")
        read = [(lines.line_num, _row(dict(zip(head, line, strict=False)))) for line in lines if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise AcquirerAway("a bill in another form") from error
    rows = [row for _, row in read if row is not None]
    return Bill(rows, tuple(number for number, row in read if row is None))


def _row(said: dict[str, str]) -> BillRow | None:
    try:
        line = shapes.convert(said, _Line)
    except msgspec.ValidationError:
        return None
    return BillRow(line.kind, line.number, line.order, int(line.amount_fen))


def _about(order: str, found: OrderState) -> OrderState:
    if found.order != order:
        raise AcquirerAway("an answer about another order")
    return found
