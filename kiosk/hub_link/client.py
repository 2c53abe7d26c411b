"""The live side of the hub: is it there, and what does it answer to a question."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol

import msgspec
import structlog
import trio

from kiosk.clock import Clock
from kiosk.hub_link.http import Answer, HubHttp, NoAnswer
from kiosk.hub_link.identity import Identity
from kiosk.hub_link.known_keys import KnownKeys
from kiosk.messages.encoding import BadSignature, InvalidMessage, decode
from kiosk.messages.fleet import Command, Heartbeat, HeartbeatAnswer
from kiosk.messages.questions import seal_question
from kiosk.messages.seal import SealBroken

log = structlog.get_logger()

HEARTBEAT_S = 20.0
PROBE_S = 3.0
_PROBE_TIMEOUT_S = 3.0


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
    """One per machine. ``run`` keeps ``online`` true to the facts; ``ask`` works with or without it.

    ``known_keys`` hears what the hub says of its keys; ``describe`` gives the next heartbeat, ``on_command`` does one
    command of the city, ``on_change`` is told when ``online`` changes (the forwarder's ``network_up`` belongs there).
    """

    def __init__(
        self,
        settings: HubSettings,
        identity: Identity,
        clock: Clock,
        *,
        on_change: Callable[[bool], None] = lambda _online: None,
        describe: Callable[[], Heartbeat] = Heartbeat,
        on_command: Callable[[Command], Awaitable[None]] | None = None,
        rng: random.Random | None = None,
        http: HubHttp | None = None,
        known_keys: KnownKeys | None = None,
    ) -> None:
        self.http = http or HubHttp(
            settings.url, identity, clock, ca_file=settings.ca_file, timeout_s=settings.request_timeout_s
        )
        self.http.on_outcome = self._noted
        self._settings = settings
        self._identity = identity
        self._on_change = on_change
        self._describe = describe
        self._on_command = on_command
        self._rng = rng or random.Random()
        self._online: bool | None = None
        self._done: set[str] = set()
        self._bell = trio.Event()
        self._known_keys = known_keys

    @property
    def online(self) -> bool:
        """Whether the hub answered last time, at most a few seconds ago."""
        return bool(self._online)

    async def run(self) -> None:
        """Heartbeats, and while offline a light look every few seconds, until canceled."""
        if self._known_keys is not None:
            self._known_keys.tell()
        try:
            while True:
                self._bell = trio.Event()
                if self._online is not False or await self._is_alive():
                    await self._heartbeat()
                pause_s = HEARTBEAT_S if self._online else PROBE_S
                with trio.move_on_after(pause_s * self._rng.uniform(0.9, 1.0)):
                    await self._bell.wait()
        finally:
            await self.http.aclose()

    async def ask(self, kind: str, payload: Any) -> Answered | Unreachable | Refused:
        """One live question; the answer's type is that of ``QUESTIONS[kind]``. Expected faults are values."""
        if self._online is False:
            return Unreachable("offline")
        body, opener = seal_question(
            kind, payload, self._settings.seal_key, self._identity.kiosk_id, self._identity.suite
        )
        try:
            answer = await self.http.send("POST", f"/v1/questions/{kind}", body)
        except NoAnswer as error:
            return Unreachable(error.reason)
        if answer.status in (408, 425, 429) or answer.status >= 500:
            return Unreachable("server_error")
        if 400 <= answer.status < 500:
            return Refused(answer.problem)
        try:
            return Answered(opener.open(answer.body, self._settings.verify_key))
        except (BadSignature, InvalidMessage, SealBroken) as error:
            log.warning("hub.nonsense", kind=kind, status=answer.status, error=type(error).__name__)
            self._noted("nonsense")
            return Unreachable("nonsense")

    async def catalogue(self) -> bytes | None:
        """The signed catalogue as the hub has it; None when it does not answer. The reader checks the signature."""
        try:
            answer = await self.http.send("GET", "/v1/catalogue")
        except NoAnswer:
            return None
        return answer.body if answer.status == 200 else None

    async def _is_alive(self) -> bool:
        try:
            return (await self.http.send("GET", "/healthz", timeout_s=_PROBE_TIMEOUT_S)).status == 200
        except NoAnswer:
            return False

    async def _heartbeat(self) -> None:
        try:
            answer = await self.http.send("POST", "/v1/heartbeats", msgspec.json.encode(self._describe()))
        except NoAnswer:
            return
        reason = _trouble(answer)
        if reason:
            self._noted(reason)
            return
        told = decode(answer.body, HeartbeatAnswer)
        if told.hub_keys is not None and self._known_keys is not None:
            self._known_keys.heard(told.hub_keys)
            await trio.to_thread.run_sync(self._known_keys.keep)
        self._set_online(online=True, reason="")
        for command in told.commands:
            await self._obey(command)

    async def _obey(self, command: Command) -> None:
        if self._on_command is None or command.id in self._done:
            return
        self._done.add(command.id)
        await self._on_command(command)

    def _noted(self, reason: str | None) -> None:
        """Any request's outcome. That someone answered proves no hub; only a heartbeat says ``online`` again."""
        if reason is not None:
            self._set_online(online=False, reason=reason)

    def _set_online(self, *, online: bool, reason: str) -> None:
        if online == self._online:
            return
        self._online = online
        log.info("hub.online" if online else "hub.offline", reason=reason)
        self._bell.set()
        self._on_change(online)


def _trouble(answer: Answer) -> str:
    """Why this answer to a heartbeat is not a hub's; empty when it is one's."""
    if answer.status != 200:
        return f"refused {answer.problem}" if 400 <= answer.status < 500 else "server_error"
    try:
        decode(answer.body, HeartbeatAnswer)
    except InvalidMessage:
        return "nonsense"
    return ""
