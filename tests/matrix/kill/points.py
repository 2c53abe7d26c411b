"""Kill points: names for the moments at which a machine may die, and the SIGKILL at one of them.

Nothing of this is in the product: ``install`` wraps its functions inside a child process of the sweep.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import trio

from devices.permit_maker.bridge import WriterBridge
from devices.permit_maker.cards import Cards
from devices.receipt_printer import codec
from devices.receipt_printer.delivery import Delivery
from kiosk import printing, walk
from kiosk.hub_link.carriers import HttpsCarrier
from kiosk.payments import Payments
from kiosk.peripherals import Peripherals
from kiosk.slips import intents
from kiosk.status_socket import StatusSocket
from offline_cache.audit import Audit
from offline_cache.counters import Counters
from offline_cache.journal import Journal
from offline_cache.outbox import Outbox
from offline_cache.stock import Stock
from offline_cache.store import Store
from offline_cache.values import Values

_LINES = {
    "page": "kind",
    "case": "state",
    "envelope": "state",
    "print": "outcome",
    "journey": "state",
    "visit": "state",
}
_NAMED = (
    (Outbox, "put delivered failed hold claim"),
    (Journal, "begin resolve"),
    (Counters, "take"),
    (Stock, "load mark"),
)
_FIRST_BYTES = 512
_EFFECTS = frozenset(
    {
        *("accept_old", "swallow_old", "write", "hand_out", "retract", "print_pages", "open_door", "await_shut"),
        *("read_document", "eject", "retain"),
    }
)
"""Commands that move something in the world; ``_AMID_S`` after its begin each of them is at work."""
_AMID_S = 0.3


class Points:
    """Counts the points that are passed between the visit's start and its wipe; dies at ``target`` ("name#n")."""

    def __init__(self, target: str, seen: str) -> None:
        self._target = target
        self._seen = os.open(seen, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._operation = threading.local()
        self.armed = False

    def note(self, **facts: Any) -> None:
        """For the sweep to read; survives the death of this process."""
        os.write(self._seen, json.dumps(facts, default=str).encode() + b"\n")

    def passed(self, name: str) -> None:
        """One more time at this point."""
        if not self.armed:
            return
        with self._lock:
            self._counts[name] += 1
            point = f"{name}#{self._counts[name]}"
            self.note(point=point)
            if point == self._target:
                os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def named(self, name: str) -> Iterator[None]:
        """The outermost operation gives its name to the commit."""
        outer = getattr(self._operation, "name", "")
        self._operation.name = outer or name
        try:
            yield
        finally:
            self._operation.name = outer

    @property
    def operation(self) -> str:
        return getattr(self._operation, "name", "") or "write"


def install(target: str, seen: str) -> None:
    """Wrap what speaks, commits, prints and sends in this process."""
    points = Points(target, seen)
    _lines(points)
    _commits(points)
    _printer(points)
    _carrier(points)
    _money(points)
    _devices(points)
    _cards(points)


def _lines(points: Points) -> None:
    @_wrap(StatusSocket, "publish")
    def publish(original: Callable[..., None], self: StatusSocket, event: str, /, **facts: Any) -> None:
        original(self, event, **facts)
        points.note(line={"type": event, **facts})
        if event == "visit" and facts["state"] == "start":
            points.armed = True
        if event in _LINES:
            points.passed(f"line {event} {facts[_LINES[event]]}")
        if event == "wiped":
            points.armed = False


def _commits(points: Points) -> None:
    for owner, names in (*_NAMED, (Audit, "append"), (Values, "put")):
        for name in names.split():
            _name(points, owner, name, f"{owner.__name__.lower()}.{name}")
    for module in (printing, intents):
        if hasattr(module, "hand_over"):
            _name(points, module, "hand_over", "journal.hand_over")

    @_wrap(Store, "_commit")
    def commit(original: Callable[..., Any], self: Store, action: Callable[[], Any]) -> Any:
        name, idle = points.operation, False

        def then() -> Any:
            nonlocal idle
            before = _sending(self)
            result = action()
            # A claim that found nothing to send: how often that happens is chance.
            idle = name == "outbox.claim" and _sending(self) == before
            if not idle:
                points.passed(f"before commit of {name}")
            return result

        result = original(self, then)
        if not idle:
            points.passed(f"after commit of {name}")
        return result


def _sending(store: Store) -> int:
    return store.db.execute("SELECT COUNT(*) FROM outbox WHERE state = 'sending'").fetchone()[0]


def _printer(points: Points) -> None:
    @_wrap(Delivery, "_send")
    def send(original: Callable[..., int], self: Delivery, data: bytes, deadline: Any) -> int:
        barrier = data == codec.BARRIER
        at = (0, len(data)) if barrier else (0, min(_FIRST_BYTES, len(data)), len(data) // 2, len(data))
        names = ("job sent", "barrier sent") if barrier else ("before first byte", "first bytes sent", "half sent", "")
        points.passed(f"printer {names[0]}")
        for start, end, name in zip(at, at[1:], names[1:], strict=False):
            if left := original(self, data[start:end], deadline):
                return left + len(data) - end
            if name:
                points.passed(f"printer {name}")
        return 0

    @_wrap(Delivery, "_printed")
    def printed(original: Callable[..., Any], *arguments: Any) -> Any:
        points.passed("printer confirmed")
        return original(*arguments)


def _carrier(points: Points) -> None:
    original = HttpsCarrier.deliver

    @functools.wraps(original)
    async def deliver(self: HttpsCarrier, outgoing: Any) -> Any:
        points.passed("hub before request")
        outcome = await original(self, outgoing)
        points.passed("hub has answered")
        return outcome

    HttpsCarrier.deliver = deliver  # type: ignore[method-assign]


def _money(points: Points) -> None:
    opened = Payments.open

    @functools.wraps(opened)
    async def open_order(self: Payments, *arguments: Any) -> Any:
        points.passed("payment before the order")
        answer = await opened(self, *arguments)
        points.passed("payment ordered")
        return answer

    Payments.open = open_order  # type: ignore[method-assign]

    @_wrap(walk, "_scan")
    def scan(original: Callable[[str], None], code: str) -> None:
        points.passed("payment before the phone pays")
        original(code)
        points.passed("payment phone has paid")


def _devices(points: Points) -> None:
    original = Peripherals.call

    @functools.wraps(original)
    async def call(self: Peripherals, name: str, command: str, timeout_s: float, **more: Any) -> Any:
        if command not in _EFFECTS:
            return await original(self, name, command, timeout_s, **more)
        points.passed(f"{name} before {command}")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_amid, points, f"{name} amid {command}")
            done = await original(self, name, command, timeout_s, **more)
            nursery.cancel_scope.cancel()
        points.passed(f"{name} after {command}")
        return done

    Peripherals.call = call  # type: ignore[method-assign]


def _cards(points: Points) -> None:
    """Inside the making of a permit card: between the writer's book and the movements of the card."""

    @_wrap(Cards, "_move")
    def move(original: Callable[..., None], self: Cards, to: str, *arguments: Any) -> None:
        points.passed(f"card before {to}")
        original(self, to, *arguments)
        points.passed(f"card after {to}")

    for verb in ("reserve", "write", "settle"):
        _passed_around(points, WriterBridge, verb, "card writer")


def _passed_around(points: Points, owner: Any, verb: str, name: str) -> None:
    @_wrap(owner, verb)
    def call(original: Callable[..., Any], *arguments: Any) -> Any:
        points.passed(f"{name} before {verb}")
        done = original(*arguments)
        points.passed(f"{name} after {verb}")
        return done


async def _amid(points: Points, name: str) -> None:
    await trio.sleep(_AMID_S)
    points.passed(name)


def _wrap(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def replace(wrapper: Callable[..., Any]) -> Callable[..., Any]:
        original = getattr(owner, name)

        @functools.wraps(original)
        def wrapped(*arguments: Any, **more: Any) -> Any:
            return wrapper(original, *arguments, **more)

        setattr(owner, name, wrapped)
        return wrapper

    return replace


def _name(points: Points, owner: Any, method: str, name: str) -> None:
    original = getattr(owner, method)

    @functools.wraps(original)
    def named(*arguments: Any, **more: Any) -> Any:
        with points.named(name):
            return original(*arguments, **more)

    setattr(owner, method, named)
