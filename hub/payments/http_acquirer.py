"""The acquirer over HTTP: every answer is believed only with its signature."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from hub.payments import wire
from hub.payments.acquirer import AcquirerAway, AcquirerRefuses, BadNotice, BillRow, OrderState
from kiosk.clock import Clock
from kiosk.messages.address import is_loopback_host
from kiosk.messages.encoding import BadSignature, InvalidMessage, decode
from kiosk.messages.ours import read_ours
from kiosk.messages.seal import public_sign_key, require_sign_key

NOTICES = "/acquirer/notifications"
_LIMIT_S = 5.0
_ANSWER_BYTES, _BILL_BYTES = 64 * 1024, 64 * 1024 * 1024
_SETTINGS_BYTES = 16 * 1024


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``acquirer.toml``. ``private_key_file`` lies beside it unless it has a path of its own."""

    url: str
    merchant: str
    private_key_file: str
    verify_key: str
    notify_url: str = ""


class HttpAcquirer:
    """One per hub process. ``notify_url``: where the acquirer reports payments to."""

    def __init__(self, settings: Settings, private_key: str, clock: Clock, notify_url: str) -> None:
        self._settings, self._private_key, self._clock = settings, private_key, clock
        self._notify_url = settings.notify_url or notify_url
        self._client = httpx.AsyncClient(base_url=settings.url, timeout=_LIMIT_S, follow_redirects=False)

    async def make_order(self, order: str, amount_fen: int, title: str, closes_at: datetime) -> str:
        wish = {"order": order, "amount_fen": amount_fen, "title": title, "closes_at": closes_at.isoformat()}
        made = await self._say("POST", "/v1/orders", wish | {"notify_url": self._notify_url})
        return str(made["pay_url"])

    async def query(self, order: str) -> OrderState:
        return _state_of(order, await self._say("GET", f"/v1/orders/{order}"))

    async def close(self, order: str) -> OrderState:
        return _state_of(order, await self._say("POST", f"/v1/orders/{order}/close", {}))

    async def refund(self, refund: str, order: str, amount_fen: int) -> datetime:
        done = await self._say("POST", "/v1/refunds", {"refund": refund, "order": order, "amount_fen": amount_fen})
        try:
            return datetime.fromisoformat(done["done_at"])
        except (KeyError, TypeError, ValueError) as error:
            raise AcquirerAway("a refund without its time") from error

    async def bill(self, day: date) -> list[BillRow]:
        body = await self._send("GET", f"/v1/bills/{day.isoformat()}", b"", _BILL_BYTES)
        try:
            rows = csv.DictReader(io.StringIO(body.decode()))
            return [BillRow(row["kind"], row["number"], row["order"], int(row["amount_fen"])) for row in rows]
        except (KeyError, TypeError, ValueError) as error:
            raise AcquirerAway("a bill in another form") from error

    def read_notice(self, path: str, headers: Mapping[str, str], body: bytes, now: datetime) -> OrderState:
        try:
            key, now_s = self._settings.verify_key, int(now.timestamp())
            wire.check_request("POST", path, body, headers, public_key=key, now_s=now_s)
            return decode(body, OrderState)
        except (BadSignature, InvalidMessage) as error:
            raise BadNotice(str(error)) from error

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _say(self, method: str, path: str, said: dict[str, Any] | None = None) -> dict[str, Any]:
        body = b"" if said is None else msgspec.json.encode(said)
        answer = await self._send(method, path, body, _ANSWER_BYTES)
        try:
            return msgspec.json.decode(answer, type=dict)
        except msgspec.DecodeError as error:
            raise AcquirerAway("an answer in another form") from error

    async def _send(self, method: str, path: str, body: bytes, limit_bytes: int) -> bytes:
        who = {"party": self._settings.merchant, "private_key": self._private_key}
        headers = wire.sign_request(method, path, body, time_s=int(self._clock.now().timestamp()), **who)
        try:
            async with self._client.stream(method, path, content=body, headers=headers) as answer:
                content = b""
                async for chunk in answer.aiter_bytes():
                    content += chunk
                    if len(content) > limit_bytes:
                        raise AcquirerAway("an answer without end")
                signature = answer.headers.get(wire.SIGNATURE, "")
        except httpx.HTTPError as error:
            raise AcquirerAway(f"{type(error).__name__}") from error
        try:
            wire.check_answer(answer.status_code, headers[wire.NONCE], content, signature, self._settings.verify_key)
        except BadSignature as error:
            raise AcquirerAway(f"status {answer.status_code} that the acquirer has not signed") from error
        if answer.is_success:
            return content
        if answer.is_client_error:
            raise AcquirerRefuses(f"status {answer.status_code}: {content[:200].decode(errors='replace')}")
        raise AcquirerAway(f"status {answer.status_code}")


def load_acquirer(path: Path, clock: Clock, own_url: str = "") -> HttpAcquirer:
    """The acquirer of a settings file. Raises OSError, ValueError with one line."""
    try:
        settings = msgspec.convert(tomllib.loads(read_ours(path, _SETTINGS_BYTES).decode()), Settings)
        require_sign_key(settings.verify_key, field="verify_key")
        key_file = path.parent / settings.private_key_file
        private_key = read_ours(key_file, _SETTINGS_BYTES, secret=True).decode().strip()
        public_sign_key(private_key)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError, InvalidMessage) as error:
        raise ValueError(f"{path}: {error}") from error
    parts = urlsplit(settings.url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback_host(parts.hostname or "")):
        raise ValueError(f"{path}: url: money goes over https; http is for this computer only")
    return HttpAcquirer(settings, private_key, clock, own_url + NOTICES)


def _state_of(order: str, said: dict[str, Any]) -> OrderState:
    try:
        found = msgspec.convert(said, OrderState, strict=False)
    except msgspec.ValidationError as error:
        raise AcquirerAway("an order in another form") from error
    if found.order != order:
        raise AcquirerAway("an answer about another order")
    return found
