"""A machine that writes documents, behind a bridge that speaks JSON lines (docs/vendor-devices.md names the verbs)."""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from devices import kinds
from devices.contract import Deadline, DriverSettings, TryAgain
from devices.document_making import Made, MakerState, Order, Refusal
from devices.json_line import BridgeRefusal, JsonLine
from devices.ranges import Baudrate, Milliseconds, Seconds
from devices.transport import SerialTransport


class BridgeSettings(DriverSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every device behind a bridge has."""

    port: str
    """Serial port or pty of the bridge that speaks JSON lines."""
    baudrate: Baudrate = 115200
    """Serial speed, 8N1."""
    answer_timeout_ms: Milliseconds = 3000
    """How long the bridge may take to answer what moves nothing."""
    work_timeout_s: Seconds = 60.0
    """How long writing one document, or one movement, may take."""


class JsonMaker:
    """``Maker`` over one bridge."""

    def __init__(self, settings: BridgeSettings) -> None:
        self._line = JsonLine(SerialTransport(settings.port, settings.baudrate), settings.answer_timeout_ms / 1000)
        self._work_s = settings.work_timeout_s

    def open(self) -> None:
        """See ``Maker``."""
        self._line.open()

    def close(self) -> None:
        """See ``Maker``."""
        self._line.close()

    def state(self, deadline: Deadline) -> MakerState:
        """See ``Maker``."""
        return converted(self._asked("state", deadline), MakerState)

    def write(self, order: Order, deadline: Deadline) -> Made:
        """See ``Maker``. A blank that was begun is finished whatever the deadline says: only its end counts."""
        picture = base64.b64encode(order.picture).decode()
        about = {"key": order.key, "serial": order.serial, "fields": dict(order.fields), "picture": picture}
        done = converted(self._worked("write", deadline, **about), Made)
        if done.key != order.key or done.serial not in ("", order.serial):
            raise TryAgain("garbled", "an answer about another order")
        return done

    def end_of(self, key: str, deadline: Deadline) -> Made | None:
        """See ``Maker``."""
        found = self._asked("end_of", deadline, key=key).get("made")
        if found is None:
            return None
        done = converted(found, Made)
        if done.key != key:
            raise TryAgain("garbled", "an answer about another order")
        return done

    def present(self, deadline: Deadline) -> None:
        """See ``Maker``."""
        self._worked("present", deadline)

    def retract(self, deadline: Deadline) -> None:
        """See ``Maker``."""
        self._worked("retract", deadline)

    def accept_old(self, deadline: Deadline) -> None:
        """See ``Maker``."""
        self._worked("accept_old", deadline)

    def swallow_old(self, deadline: Deadline) -> None:
        """See ``Maker``."""
        self._worked("swallow_old", deadline)

    def shut(self, deadline: Deadline) -> None:
        """See ``Maker``."""
        self._worked("shut", deadline)

    def _asked(self, verb: str, deadline: Deadline, **arguments: Any) -> dict[str, Any]:
        try:
            return self._line.ask(verb, deadline, **arguments)
        except BridgeRefusal as refusal:
            raise Refusal(refusal.error) from None

    def _worked(self, verb: str, deadline: Deadline, **arguments: Any) -> dict[str, Any]:
        try:
            return self._line.ask(verb, deadline, patience_s=self._work_s, **arguments)
        except BridgeRefusal as refusal:
            raise Refusal(refusal.error) from None


def converted(answer: Any, kind: Any) -> Any:
    """The answer as this kind. TryAgain ``garbled`` when it is none."""
    try:
        return kinds.convert(answer, kind)
    except msgspec.ValidationError:
        raise TryAgain("garbled", f"no {kind.__name__} in the answer") from None
