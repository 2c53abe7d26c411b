"""Questions and answers as JSON lines, each with a number: the wire to a bridge in front of a vendor's library.

Host: ``{"id": 7, "do": "state"}``. Bridge: ``{"id": 7, "ok": true, …}`` or ``{"id": 7, "ok": false, "error": "…"}``.
A line with another number is the late answer to an earlier question and is dropped.
"""

from __future__ import annotations

import json
import re
import time
from typing import Any

from devices.contract import Deadline, TryAgain
from devices.transport import Transport

LONGEST_LINE = 1 << 20
SEND_BYTES = 2048
_CODE = re.compile(r"[A-Za-z0-9_.-]{0,64}", re.ASCII)


def code(said: object) -> str:
    """A stable code as a bridge says it, "" for none. It goes into logs and status lines, so words are not one."""
    return said if isinstance(said, str) and _CODE.fullmatch(said) else "unnamed" if said else ""


class BridgeRefusal(Exception):
    """The bridge has answered and does not do it; ``error`` is its stable code."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class JsonLine:
    """One bridge."""

    def __init__(self, transport: Transport, answer_s: float) -> None:
        self._transport, self._answer_s = transport, answer_s
        self._heard = bytearray()
        # Another process's late answers must not bear the numbers that this one gives.
        self._number = time.monotonic_ns() // 1000

    def open(self) -> None:
        """Open the line."""
        self._transport.open()
        self._heard.clear()

    def close(self) -> None:
        """Close the line; half an answer may be half a person's picture."""
        self._transport.close()
        self._heard.clear()

    def ask(
        self,
        verb: str,
        deadline: Deadline,
        *,
        patience_s: float | None = None,
        last_breath_s: float | None = None,
        **arguments: Any,
    ) -> dict[str, Any]:
        """The answer without ``id`` and ``ok``. BridgeRefusal when it is no; TryAgain ``silent``, ``garbled``, gone.

        ``last_breath_s``: how long it is still waited for when the command has been canceled.
        """
        self._number += 1
        line = json.dumps({"id": self._number, "do": verb, **arguments}, ensure_ascii=True).encode() + b"\n"
        for at in range(0, len(line), SEND_BYTES):
            self._transport.write(line[at : at + SEND_BYTES])
        ends, garbled = time.monotonic() + (self._answer_s if patience_s is None else patience_s), False
        while (left_s := ends - time.monotonic()) > 0 and not (deadline.over and patience_s is not None):
            if last_breath_s is not None and deadline.canceled.is_set():
                ends, last_breath_s = min(ends, time.monotonic() + last_breath_s), None
            answer = self._next()
            if answer is None:
                self._hear(min(left_s, 0.1))
            elif answer.pop("id", None) == self._number:
                return _judged(answer)
            else:
                garbled = garbled or not answer
        raise TryAgain("garbled" if garbled else "silent", "no answer to this question in time")

    def _hear(self, timeout_s: float) -> None:
        self._heard += self._transport.read_some(timeout_s)
        if len(self._heard) > LONGEST_LINE:
            self._heard.clear()
            raise TryAgain("garbled", "a line without end")

    def _next(self) -> dict[str, Any] | None:
        """The next line as an object, an empty one for what is none; None while there is no whole line."""
        line, end, rest = self._heard.partition(b"\n")
        if not end:
            return None
        self._heard = rest
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def _judged(answer: dict[str, Any]) -> dict[str, Any]:
    if answer.pop("ok", None) is True:
        return answer
    raise BridgeRefusal(code(answer.get("error")) or "refused")
