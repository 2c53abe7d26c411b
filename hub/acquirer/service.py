"""The acquirer's HTTP: signed for its merchant, open for a phone that pays, and faults on a switch for the bench."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Any, Literal

import httpx
import msgspec
import structlog
from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.exceptions import HTTPException, NotFoundException

from hub import outgoing
from hub.acquirer.ledger import Ledger, Refused
from hub.outgoing import NoAnswer
from hub.payments import wire
from kiosk import shapes
from kiosk.clock import Clock
from kiosk.messages.encoding import BadSignature
from kiosk.messages.seal import new_sign_key

_TRIES, _BETWEEN_S = 4, 2.0
_NOTICE = {"most_bytes": 64 * 1024, "within_s": 5.0}
_PAGE = (
    '<!doctype html><meta name="viewport" content="width=device-width"><title>{title}</title>'
    '<form method="post"><h1>{yuan}</h1><p>{title}</p><button style="font-size:2em">{word}</button></form>'
)
_log = structlog.get_logger()


class Faults(msgspec.Struct, forbid_unknown_fields=True):
    """``notify``: once, twice, forged (signed by another key, then never), late (when asked to), or lost.

    ``refused``: orders of which it says nothing, in its own signed words.
    """

    notify: Literal["once", "twice", "forged", "late", "lost"] = "once"
    down: bool = False
    refused: list[str] = []


class NewOrder(msgspec.Struct, forbid_unknown_fields=True):
    order: str
    amount_fen: int
    title: str
    closes_at: str
    notify_url: str


class NewRefund(msgspec.Struct, forbid_unknown_fields=True):
    refund: str
    order: str
    amount_fen: int


class Movement(msgspec.Struct, forbid_unknown_fields=True):
    """A line that only the acquirer's books have."""

    kind: str
    number: str
    order: str
    amount_fen: int


class Service:
    """One acquirer with one merchant."""

    def __init__(self, ledger: Ledger, clock: Clock, *, private_key: str, merchant_key: str, url: str) -> None:
        self.ledger, self.clock, self.url = ledger, clock, url
        self._private_key, self._merchant_key = private_key, merchant_key
        self.faults = Faults()
        self._notices: set[asyncio.Task[None]] = set()

    async def answer(self, request: Request, work: Callable[[bytes], Any]) -> Response[bytes]:
        """Judge the merchant's signature, do the work, sign what comes of it. Down: what a broken gateway says."""
        if self.faults.down:
            return Response(b"<html>bad gateway</html>", status_code=502, media_type=MediaType.HTML)
        body, path = await request.body(), request.url.path
        now_s = int(self.clock.now().timestamp())
        try:
            nonce = wire.check_request(
                request.method, path, body, request.headers, public_key=self._merchant_key, now_s=now_s
            )
        except BadSignature as error:
            raise HTTPException(status_code=401, detail=str(error)) from error
        status, said = self._done(work, body)
        content = said if isinstance(said, bytes) else msgspec.json.encode(said)
        headers = wire.sign_answer(status, nonce, content, self._private_key)
        return Response(content, status_code=status, headers=headers, media_type=MediaType.JSON)

    def _done(self, work: Callable[[bytes], Any], body: bytes) -> tuple[int, Any]:
        try:
            return 200, work(body)
        except Refused as error:
            return 409, {"refused": str(error)}
        except (msgspec.DecodeError, ValueError) as error:
            return 422, {"refused": str(error)}

    def order(self, order: str) -> dict[str, Any]:
        return self._told(order, self.ledger.order)

    def close(self, order: str) -> dict[str, Any]:
        return self._told(order, self.ledger.close)

    def _told(self, order: str, asked: Callable[[str], dict[str, Any] | None]) -> dict[str, Any]:
        if order in self.faults.refused:
            raise Refused("this order is not told")
        return _told(order, asked(order))

    def make(self, body: bytes) -> dict[str, str]:
        wish = shapes.from_json(body, NewOrder)
        return {"pay_url": f"{self.url}/pay/{self.ledger.make(**msgspec.structs.asdict(wish))}"}

    def refund(self, body: bytes) -> dict[str, str]:
        wish = shapes.from_json(body, NewRefund)
        return {"done_at": self.ledger.refund(wish.refund, wish.order, wish.amount_fen)}

    def paid(self, known: dict[str, Any]) -> None:
        """A phone has paid: the merchant is told, as the faults want it."""
        times = {"once": 1, "twice": 2, "forged": 1}.get(self.faults.notify, 0)
        for _ in range(times):
            self.notify(known, is_forged=self.faults.notify == "forged")

    def notify(self, known: dict[str, Any], *, is_forged: bool = False) -> None:
        task = asyncio.create_task(self._notify(known, is_forged=is_forged))
        self._notices.add(task)
        task.add_done_callback(self._notices.discard)

    async def _notify(self, known: dict[str, Any], *, is_forged: bool) -> None:
        url, body = httpx.URL(known["notify_url"]), msgspec.json.encode(_told(known["order_no"], known))
        key = new_sign_key().private if is_forged else self._private_key
        for _ in range(_TRIES):
            now_s = int(self.clock.now().timestamp())
            headers = wire.sign_request("POST", url.path, body, party="acquirer", private_key=key, time_s=now_s)
            try:
                async with outgoing.client(str(url)) as there:
                    said = await outgoing.ask(there, "POST", str(url), **_NOTICE, content=body, headers=headers)
                if said.status == 200:
                    return
            except NoAnswer as error:
                _log.info("notice_not_taken", error=str(error))
            await asyncio.sleep(_BETWEEN_S)


def _told(order: str, known: dict[str, Any] | None) -> dict[str, Any]:
    if known is None:
        return {"order": order, "state": "unknown"}
    facts = {"order": order, "state": known["state"], "amount_fen": known["amount_fen"], "trade_no": known["trade_no"]}
    return facts | ({"paid_at": known["paid_at"]} if known["paid_at"] else {})


def make_app(service: Service) -> Litestar:
    """The ASGI application."""
    return Litestar([*_merchant(service), *_phone(service), *_bench(service)], openapi_config=None)


def _merchant(service: Service) -> list[Any]:
    @post("/v1/orders")
    async def make(request: Request) -> Response[bytes]:
        return await service.answer(request, service.make)

    @get("/v1/orders/{order:str}")
    async def query(request: Request, order: str) -> Response[bytes]:
        return await service.answer(request, lambda _: service.order(order))

    @post("/v1/orders/{order:str}/close")
    async def close(request: Request, order: str) -> Response[bytes]:
        return await service.answer(request, lambda _: service.close(order))

    @post("/v1/refunds")
    async def refund(request: Request) -> Response[bytes]:
        return await service.answer(request, service.refund)

    @get("/v1/bills/{day:str}")
    async def bill(request: Request, day: str) -> Response[bytes]:
        return await service.answer(request, lambda _: service.ledger.bill(date.fromisoformat(day)).encode())

    return [make, query, close, refund, bill]


def _phone(service: Service) -> list[Any]:
    def known(code: str) -> dict[str, Any]:
        found = service.ledger.by_code(code)
        if found is None:
            raise NotFoundException(code)
        return found

    @get("/pay/{code:str}", media_type=MediaType.HTML)
    async def page(code: str) -> str:
        order = known(code)
        yuan, word = f"¥{order['amount_fen'] / 100:.2f}", {"unpaid": "Pay"}.get(order["state"], order["state"])
        return _PAGE.format(title=order["title"], yuan=yuan, word=word)

    @post("/pay/{code:str}", status_code=200)
    async def pay(code: str) -> dict[str, Any]:
        try:
            paid = service.ledger.pay(code)
        except Refused as error:
            raise HTTPException(status_code=409, detail=str(error)) from error
        service.paid(paid)
        return {"paid": True, "amount_fen": paid["amount_fen"]}

    return [page, pay]


def _bench(service: Service) -> list[Any]:
    @get("/bench/orders")
    async def orders() -> list[dict[str, Any]]:
        keys = ("order_no", "amount_fen", "code")
        return [{key: row[key] for key in keys} for row in service.ledger.unpaid()]

    @post("/bench/faults", status_code=200)
    async def faults(request: Request) -> dict[str, Any]:
        service.faults = shapes.from_json(await request.body() or b"{}", Faults)
        return msgspec.to_builtins(service.faults)

    @post("/bench/notify/{order:str}", status_code=200)
    async def notify(order: str) -> dict[str, bool]:
        found = service.ledger.order(order)
        if found is None:
            raise NotFoundException(order)
        service.notify(found)
        return {"sent": True}

    @post("/bench/movements", status_code=201)
    async def movement(request: Request) -> dict[str, str]:
        wish = shapes.from_json(await request.body(), Movement)
        return {"at": service.ledger.move(wish.kind, wish.number, wish.order, wish.amount_fen)}

    return [orders, faults, notify, movement]
