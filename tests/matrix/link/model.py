"""Every state that outbox, network, hub and crashes can reach together: ``python -m tests.matrix.link.model``.

The network may lose, repeat, delay and reorder: whatever was sent once may arrive at any later moment, any number of
times, or never. So a message stays on the wire for ever, and one that is never taken from it is a lost one.
"""

from __future__ import annotations

import argparse
import sys
from collections import deque
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from rich.console import Console
from rich.table import Table

NOT_FILED, STORED, SENDING, DELIVERED, HELD = "not filed", "stored", "sending", "delivered", "held"
IN_FLIGHT = 2

Mistake = Literal[
    "",
    "no dedup",
    "ack before answer",
    "key and effect in two transactions",
    "answer before commit",
    "new key per try",
    "sealed anew per try",
    "no order per case",
    "receipt not verified",
    "a stranger's page holds",
    "sending not taken up at start",
]
CAUGHT_AS: dict[Mistake, set[str]] = {
    "no dedup": {"duplicated"},
    "ack before answer": {"lost"},
    "key and effect in two transactions": {"duplicated"},
    "answer before commit": {"lost"},
    "new key per try": {"duplicated"},
    "sealed anew per try": {"held", "stuck"},
    "no order per case": {"out of order"},
    "receipt not verified": {"lost"},
    "a stranger's page holds": {"held"},
    "sending not taken up at start": {"stuck"},
}
"""What each seeded mistake must be found as."""


class Request(NamedTuple):
    """One try on the wire: which item it carries, under which key, with which bytes."""

    item: int
    key: int
    digest: int


class Answer(NamedTuple):
    """``receipt``, ``conflict`` (409) or ``page`` (a portal's or a gateway's, whatever its status)."""

    item: int
    said: str


class State(NamedTuple):
    """``rows``, ``keys`` and ``effects`` are durable; ``waiting`` dies with the kiosk, ``half`` with the hub."""

    rows: tuple[str, ...]
    waiting: frozenset[int]
    tries: tuple[int, ...]
    wire: frozenset[Request | Answer]
    keys: frozenset[tuple[int, int]]
    effects: tuple[int, ...]
    half: frozenset[Request]
    kiosk_crashes: int
    hub_crashes: int


class Setting(NamedTuple):
    """``cases[i]``: the case that item ``i`` belongs to; crashes that may still happen; what is built wrong."""

    cases: tuple[int, ...] = (0, 0, 1)
    kiosk_crashes: int = 1
    hub_crashes: int = 1
    mistake: Mistake = ""


Step = Callable[[Setting, State], Iterator[State]]
STANDS_FOR: dict[str, tuple[str, ...]] = {}
"""Name of a transition to the code that it stands for."""
_STEPS: dict[str, Step] = {}


def transition(*code: str) -> Callable[[Step], Step]:
    """Registers a transition together with the code it stands for."""

    def register(step: Step) -> Step:
        STANDS_FOR[step.__name__], _STEPS[step.__name__] = code, step
        return step

    return register


@transition("kiosk.hub_link.filing:Filing.file_now", "offline_cache.outbox:Outbox.put")
def file(_: Setting, state: State) -> Iterator[State]:
    """One commit; a crash before it has filed nothing, a crash after it has filed all."""
    if NOT_FILED in state.rows:
        yield _row(state, state.rows.index(NOT_FILED), STORED)


@transition(
    "offline_cache.outbox:Outbox.claim",
    "offline_cache.outbox:Outbox._next",
    "kiosk.hub_link.forwarder:Forwarder._step",
    "kiosk.hub_link.carriers:HttpsCarrier.deliver",
)
def claim_and_send(setting: Setting, state: State) -> Iterator[State]:
    """``sending`` is committed before the first byte leaves."""
    if len(state.waiting) >= IN_FLIGHT:
        return
    anew = setting.mistake in ("new key per try", "sealed anew per try")
    for item, row in enumerate(state.rows):
        if row != STORED or _must_wait(setting, state, item) or (anew and state.tries[item] > 1):
            continue
        attempt = state.tries[item]
        key = item + 100 * attempt if setting.mistake == "new key per try" else item
        request = Request(item, key, attempt if anew else 0)
        tries = _changed(state.tries, item, attempt + 1) if anew else state.tries
        sent = _row(state, item, DELIVERED if setting.mistake == "ack before answer" else SENDING)
        yield sent._replace(waiting=state.waiting | {item}, tries=tries, wire=state.wire | {request})


@transition("hub.inbox:receive", "hub.inbox:_look", "hub.inbox:_commit_envelope")
def hub_receives(setting: Setting, state: State) -> Iterator[State]:
    """Key, effect and receipt in one transaction; a known key gives the same receipt or 409."""
    known = dict(state.keys)
    for request in state.wire:
        if not isinstance(request, Request):
            continue
        if request.key in known and setting.mistake != "no dedup":
            said = "receipt" if known[request.key] == request.digest else "conflict"
            yield _answered(state, request, said)
        elif setting.mistake == "key and effect in two transactions":
            if request not in state.half:
                yield _effected(state, request)._replace(half=state.half | {request})
        elif setting.mistake == "answer before commit":
            if request not in state.half:
                yield _answered(state._replace(half=state.half | {request}), request, "receipt")
        else:
            yield _answered(_effected(_keyed(state, request), request), request, "receipt")


@transition("hub.inbox:_receive")
def hub_goes_on(setting: Setting, state: State) -> Iterator[State]:
    """The second half of what a wrong hub does in two steps; the right one has none."""
    for request in state.half:
        rest = state._replace(half=state.half - {request})
        if setting.mistake == "answer before commit":
            yield _effected(_keyed(rest, request), request)
        else:
            yield _answered(_keyed(rest, request), request, "receipt")


@transition("kiosk.hub_link.outcome:outcome_of")
def stranger_answers(_: Setting, state: State) -> Iterator[State]:
    """Something on the way answers instead of the hub: with a page, or in words like the hub's that it cannot sign."""
    for request in state.wire:
        if isinstance(request, Request):
            yield _answered(state, request, "page")


@transition(
    "kiosk.hub_link.forwarder:Forwarder._checked",
    "kiosk.hub_link.forwarder:Forwarder._check_refusal",
    "kiosk.hub_link.forwarder:Forwarder._keep_outcome",
    "offline_cache.outbox:Outbox.delivered",
    "offline_cache.outbox:Outbox.hold",
)
def kiosk_hears(setting: Setting, state: State) -> Iterator[State]:
    """An answer of any earlier try of the same item counts: its receipt names the same bytes."""
    for answer in state.wire:
        if not isinstance(answer, Answer) or answer.item not in state.waiting:
            continue
        believed = answer.said == "receipt" or setting.mistake == "receipt not verified"
        refused = answer.said == "conflict" or (answer.said == "page" and setting.mistake == "a stranger's page holds")
        row = DELIVERED if believed else HELD if refused else STORED
        yield _settled(state, answer.item, row)


@transition("kiosk.hub_link.http:HubHttp.send", "offline_cache.outbox:Outbox.failed")
def kiosk_gives_up(_: Setting, state: State) -> Iterator[State]:
    """Time-out, broken connection, 5xx: the try is over, what it sent may still arrive."""
    for item in state.waiting:
        yield _settled(state, item, STORED)


@transition("offline_cache.outbox:Outbox.__init__")
def kiosk_dies_and_starts(setting: Setting, state: State) -> Iterator[State]:
    """Whatever was ``sending`` is ``stored`` again; what waited for an answer waits no more."""
    if not state.kiosk_crashes:
        return
    again = SENDING if setting.mistake == "sending not taken up at start" else STORED
    rows = tuple(again if row == SENDING else row for row in state.rows)
    yield state._replace(rows=rows, waiting=frozenset(), kiosk_crashes=state.kiosk_crashes - 1)


@transition("hub.server:make_app")
def hub_dies_and_starts(_: Setting, state: State) -> Iterator[State]:
    """Only what was committed is left."""
    if state.hub_crashes:
        yield state._replace(half=frozenset(), hub_crashes=state.hub_crashes - 1)


def wrong_with(setting: Setting, state: State) -> str:
    """The invariant that a state breaks; empty when it keeps all."""
    if len(set(state.effects)) < len(state.effects):
        return "duplicated"
    if any(row == DELIVERED and item not in state.effects for item, row in enumerate(state.rows)):
        return "lost"
    for case in set(setting.cases):
        order = [item for item in state.effects if setting.cases[item] == case]
        if order != sorted(order):
            return "out of order"
    return "held" if HELD in state.rows else ""


class Result(NamedTuple):
    """``wrong`` is what was found first, ``trace`` the shortest way there; both empty when nothing is wrong."""

    states: int
    steps: int
    wrong: str
    trace: list[str]


def explore(setting: Setting, limit: int = 2_000_000) -> Result:
    """Visits every reachable state, nearest first; then asks whether from each of them all can still be delivered."""
    start = _start(setting)
    came_from: dict[State, tuple[State, str] | None] = {start: None}
    back: dict[State, list[State]] = {}
    queue, steps = deque([start]), 0
    while queue:
        state = queue.popleft()
        wrong = wrong_with(setting, state)
        if wrong or len(came_from) > limit:
            return Result(len(came_from), steps, wrong or "too many states", _trace(came_from, state))
        for name, step in _STEPS.items():
            for after in step(setting, state):
                steps += 1
                back.setdefault(after, []).append(state)
                if after not in came_from:
                    came_from[after] = state, name
                    queue.append(after)
    stuck = _first_stuck(came_from, back)
    return Result(len(came_from), steps, "stuck" if stuck else "", _trace(came_from, stuck) if stuck else [])


def _first_stuck(came_from: dict[State, tuple[State, str] | None], back: dict[State, list[State]]) -> State | None:
    """The nearest state from which not everything can be delivered any more."""
    good = {state for state in came_from if all(row == DELIVERED for row in state.rows)}
    queue = deque(good)
    while queue:
        fresh = set(back.get(queue.popleft(), ())) - good
        good |= fresh
        queue.extend(fresh)
    return next((state for state in came_from if state not in good), None)


def _start(setting: Setting) -> State:
    n, none = len(setting.cases), frozenset()
    return State((NOT_FILED,) * n, none, (0,) * n, none, none, (), none, setting.kiosk_crashes, setting.hub_crashes)


def _must_wait(setting: Setting, state: State, item: int) -> bool:
    same_case = (state.rows[e] for e in range(item) if setting.cases[e] == setting.cases[item])
    return setting.mistake != "no order per case" and any(row != DELIVERED for row in same_case)


def _changed(values: tuple, index: int, value: object) -> tuple:
    return (*values[:index], value, *values[index + 1 :])


def _row(state: State, item: int, row: str) -> State:
    return state._replace(rows=_changed(state.rows, item, row))


def _settled(state: State, item: int, row: str) -> State:
    settled = state._replace(waiting=state.waiting - {item})
    return settled if state.rows[item] == DELIVERED else _row(settled, item, row)


def _answered(state: State, request: Request, said: str) -> State:
    return state._replace(wire=state.wire | {Answer(request.item, said)})


def _keyed(state: State, request: Request) -> State:
    return state._replace(keys=state.keys | {(request.key, request.digest)})


def _effected(state: State, request: Request) -> State:
    return state._replace(effects=(*state.effects, request.item))


def _trace(came_from: dict[State, tuple[State, str] | None], state: State) -> list[str]:
    names: list[str] = []
    while (before := came_from[state]) is not None:
        state, name = before
        names.append(name)
    return names[::-1]


def main(argv: list[str]) -> int:
    """Prints a table; 0 when the design is right and every seeded mistake is found."""
    options = argparse.ArgumentParser(prog="python -m tests.matrix.link.model", description=__doc__)
    options.add_argument("--cases", default="0,0,1", help="the case of each item, e.g. 0,0,1,1")
    options.add_argument("--crashes", type=int, default=1, help="of the kiosk, and as many of the hub")
    chosen = options.parse_args(argv)
    cases = tuple(map(int, chosen.cases.split(",")))
    table = Table("built", "states", "steps", "found", "shortest way there")
    kept = True
    for mistake in ("", *CAUGHT_AS):
        result = explore(Setting(cases, chosen.crashes, chosen.crashes, mistake))
        kept &= result.wrong in CAUGHT_AS.get(mistake, {""})
        way = " → ".join(result.trace)
        table.add_row(mistake or "as it is", f"{result.states:,}", f"{result.steps:,}", result.wrong or "nothing", way)
    Console(width=180).print(table)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
