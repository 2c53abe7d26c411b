"""The live side of the hub: is it there, and what does it answer to a question."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol

import msgspec
import structlog
import trio

from kiosk.clock import Clock
from kiosk.hub_link.http import LONG_ANSWER_BYTES, Answer, HubHttp, NoAnswer
from kiosk.hub_link.identity import Identity
from kiosk.hub_link.known_keys import HubKeys, KnownKeys
from kiosk.hub_link.state import ANSWERING, PASSING, LinkState, detail_of, state_of_answer, state_of_reason
from kiosk.logs import place_of
from kiosk.messages.encoding import decode
from kiosk.messages.fleet import MOST_COMMANDS, Command, Heartbeat, HeartbeatAnswer
from kiosk.messages.questions import VERSION, seal_question
from kiosk.messages.requests import MESSAGES
from kiosk.messages.seal import key_id
from kiosk.messages.visits import VisitKey
from kiosk.threads import in_thread
from offline_cache.errors import StoreError

log = structlog.get_logger()

HEARTBEAT_S = 20.0
PROBE_S = 3.0
_PROBE_TIMEOUT_S = 3.0
_DONE_KEPT = 10 * MOST_COMMANDS
DECORATION_S = 6.0
"""The limit of a question that only adds to a page: longer than the hub waits for its departments."""
SLOW_DECORATION_S = 1.0
"""The same after one that was not answered in time, until one is."""


class Answered(NamedTuple):
    """The hub's answer, typed as kiosk.messages.questions says, sealed to this question and signed."""

    payload: Any


class Unreachable(NamedTuple):
    """No hub answered: ``offline``, ``no_connection``, ``timeout``, ``broken``, ``server_error`` or ``nonsense``."""

    reason: str


class Refused(NamedTuple):
    """The hub answered and said no; ``reason`` is its status and rule, for technicians."""

    reason: str


class HubSettings(Protocol):
    """``[hub]`` of the configuration, as far as the live side reads it."""

    @property
    def url(self) -> str: ...
    @property
    def seal_key(self) -> str: ...
    @property
    def verify_key(self) -> str: ...
    @property
    def ca_file(self) -> str: ...
    @property
    def request_timeout_s(self) -> float: ...


class HubLink:
    """One per machine. ``run`` keeps ``state`` true to the facts; ``ask`` works with or without it.

    ``known_keys`` hears what the hub says of its keys; ``describe`` gives the next heartbeat (called in a thread);
    ``on_told`` gets each answer that the hub has signed, read and as it came; ``on_command`` does one command;
    ``asks_numbering``: whether the next heartbeat asks for the machine's number. ``on_change`` is told when ``state``
    changes (the forwarder's ``network_up`` belongs there); ``on_alarm(what, reason)`` asks for a person, once for each
    state between two times online.
    """

    def __init__(
        self,
        settings: HubSettings,
        identity: Identity,
        clock: Clock,
        *,
        on_change: Callable[[LinkState], None] = lambda _state: None,
        on_alarm: Callable[[str, str], None] = lambda *_: None,
        describe: Callable[[], Heartbeat] = Heartbeat,
        on_told: Callable[[HeartbeatAnswer, Answer], Awaitable[None]] | None = None,
        asks_numbering: Callable[[], bool] = lambda: False,
        on_command: Callable[[Command], Awaitable[None]] | None = None,
        rng: random.Random | None = None,
        http: HubHttp | None = None,
        known_keys: KnownKeys | None = None,
    ) -> None:
        self.http = http or HubHttp(
            settings.url, identity, clock, ca_file=settings.ca_file, timeout_s=settings.request_timeout_s
        )
        self.http.on_outcome = self._noted
        self.state = LinkState.STARTING
        self.detail = ""
        """What was seen, for technicians: a status and the rule behind it."""
        self._settings = settings
        self._identity = identity
        self._on_change = on_change
        self._on_alarm = on_alarm
        self._describe = describe
        self._on_told = on_told
        self._asks_numbering = asks_numbering
        self._on_command = on_command
        self._rng = rng or random.Random()
        self._alarmed: set[LinkState] = set()
        self._doubted = False
        self._decorations_are_slow = False
        self._done: deque[str] = deque(maxlen=_DONE_KEPT)
        self._bell = trio.Event()
        self._known_keys = known_keys
        self.http.hub_key = lambda: key_id(self._keys.verify_key)

    @property
    def _keys(self) -> HubKeys:
        """The hub's keys as they are now."""
        if self._known_keys is not None:
            return self._known_keys.keys
        return HubKeys(self._settings.seal_key, self._settings.verify_key)

    @property
    def online(self) -> bool:
        """Whether the hub answered last time, at most a few seconds ago."""
        return self.state is LinkState.ONLINE

    @property
    def needs_a_person(self) -> bool:
        """Whether the state will not come right by itself."""
        return self.state not in PASSING

    async def run(self) -> None:
        """Heartbeats, and while offline a light look every few seconds, until canceled."""
        if self._known_keys is not None:
            self._known_keys.tell()
        try:
            while True:
                self._bell = trio.Event()
                unsure = self._doubted or self.state not in (LinkState.STARTING, LinkState.ONLINE)
                self._doubted = False
                if not unsure or await self._is_alive():
                    await self._heartbeat()
                pause_s = HEARTBEAT_S if self.online or self.state in ANSWERING else PROBE_S
                with trio.move_on_after(pause_s * self._rng.uniform(0.9, 1.0)):
                    await self._bell.wait()
        except trio.Cancelled:
            # Not after a surprise: then it is begun anew, with the same connections.
            await self.http.aclose()
            raise

    async def ask(
        self, kind: str, payload: Any, *, decorates: bool = False, visit: VisitKey | None = None
    ) -> Answered | Unreachable | Refused:
        """One live question; the answer's type is that of ``QUESTIONS[kind]``. Expected faults are values.

        One about a person is asked with the key of the ``visit`` in which the card was read.

        One that only ``decorates`` a page waits for seconds, not for the whole limit of a request; that it was not
        answered in time proves no outage, but the hub is looked at, and the next one waits for a moment only.
        """
        if self.state not in (LinkState.STARTING, LinkState.ONLINE):
            return Unreachable("offline")
        keys = self._keys
        who = keys.seal_key, self._identity.kiosk_id, self._identity.suite
        body, opener = seal_question(kind, payload, *who, visit if self.http.hub_knows_visits else None)
        try:
            reads = {MESSAGES: str(VERSION)}
            path, limit_s = f"/v1/questions/{kind}", self._limit_s(decorates)
            long = {"timeout_s": limit_s, "limit_bytes": LONG_ANSWER_BYTES}
            answer = await self.http.send("POST", path, body, headers=reads, **long)
        except NoAnswer as error:
            if decorates and error.reason == "timeout":
                self._decorations_are_slow = True
                self._look_again()
            return Unreachable(error.reason)
        if decorates:
            self._decorations_are_slow = False
        if answer.status in (408, 425, 429) or answer.status >= 500:
            return Unreachable("server_error")
        if 400 <= answer.status < 500:
            self._look_again()
            return Refused(answer.problem)
        try:
            return Answered(opener.open(answer.body, keys.verify_key))
        except Exception as error:
            # BadSignature, InvalidMessage, SealBroken; and the boundary of foreign bytes for what nobody foresaw.
            log.warning("hub.nonsense", kind=kind, status=answer.status, error=type(error).__name__)
            self._noted("nonsense")
            return Unreachable("nonsense")

    def _limit_s(self, decorates: bool) -> float | None:
        if not decorates:
            return None
        return min(self._settings.request_timeout_s, SLOW_DECORATION_S if self._decorations_are_slow else DECORATION_S)

    def _look_again(self) -> None:
        """Something is odd: the next look comes now and begins with a light one."""
        self._doubted = True
        self._bell.set()

    async def catalogue(self, tag: str = "") -> bytes | None:
        """The signed catalogue as the hub has it; None when it has the one with that tag, or does not answer.

        The reader checks the signature.
        """
        known = {"If-None-Match": tag} if tag else None
        try:
            answer = await self.http.send("GET", "/v1/catalogue", headers=known, limit_bytes=LONG_ANSWER_BYTES)
        except NoAnswer:
            return None
        return answer.body if answer.status == 200 else None

    async def _is_alive(self) -> bool:
        try:
            answer = await self.http.send("GET", "/healthz", timeout_s=_PROBE_TIMEOUT_S)
        except NoAnswer as error:
            self._noted(error.reason)
            return False
        if answer.status != 200:
            state = LinkState.FAILING if answer.status >= 500 else LinkState.NOT_A_HUB
            self._become(state, detail_of(answer, state))
        return answer.status == 200

    async def _heartbeat(self) -> None:
        try:
            beat = await in_thread(self._describe)
        except StoreError as error:
            # The disk's trouble is told where it hurts somebody; it does not end the link.
            log.error("hub.heartbeat_untold", error=type(error).__name__)
            return
        try:
            # In the query, which a hub that is one version older leaves alone.
            asked = "?numbering=true" if self._asks_numbering() else ""
            answer = await self.http.send("POST", f"/v1/heartbeats{asked}", msgspec.json.encode(beat))
        except NoAnswer:
            return
        try:
            state, told = await self._judged(answer)
            # Before anybody hears of it: who is online has its number, and knows the time.
            if told is not None and self._on_told is not None:
                await self._on_told(told, answer)
            if told is not None and told.hub_keys is not None and self._known_keys is not None:
                # Last: whoever keeps this answer as a proof keeps it by the key that has signed it.
                await in_thread(self._known_keys.take, told.hub_keys)
        except Exception as error:
            # The boundary of foreign bytes: what the machine makes of an answer cannot end it.
            log.error("hub.heartbeat_failed", error=type(error).__name__, where=place_of(error))
            self._noted("nonsense")
            return
        self._become(state, detail_of(answer, state))
        for command in told.commands if told is not None else []:
            await self._obey(command)

    async def _judged(self, answer: Answer) -> tuple[LinkState, HeartbeatAnswer | None]:
        """The state that an answer proves, and what it says where the hub has signed it.

        A hub that is one version older does not sign: it is there, and nothing that it says changes this machine.
        """
        state = state_of_answer(answer)
        if state is not LinkState.ONLINE:
            return state, None
        told = decode(answer.body, HeartbeatAnswer)
        if told.hub_keys is not None and self._known_keys is not None:
            proved = bool(answer.signature) and answer.is_said_by(self._keys.verify_key, self._identity)
            named = self._known_keys.heard(told.hub_keys, proved=proved)
            if named == "others":
                return LinkState.OTHER_HUB, None
            if named == "ours":
                await in_thread(self._known_keys.keep)
        if not answer.signature:
            return state, None
        if not answer.is_said_by(self._keys.verify_key, self._identity):
            return LinkState.NOT_A_HUB, None
        return state, told

    async def _obey(self, command: Command) -> None:
        if self._on_command is None or command.id in self._done:
            return
        self._done.append(command.id)
        await self._on_command(command)

    def _noted(self, reason: str | None) -> None:
        """Any request's outcome. That someone answered proves no hub; only a heartbeat says ``online`` again."""
        if reason is not None:
            self._become(state_of_reason(reason), reason)

    def _become(self, state: LinkState, detail: str) -> None:
        self.detail = detail
        if state is self.state:
            return
        self.state = state
        log.info("hub.online" if self.online else "hub.offline", state=state.value, reason=detail)
        if self.online:
            self._alarmed.clear()
        elif self.needs_a_person and state not in self._alarmed:
            self._alarmed.add(state)
            self._on_alarm("hub", f"{state.value}: {detail}")
        self._bell.set()
        self._on_change(state)
