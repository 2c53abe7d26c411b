"""Who sends text messages for the hub: a port, and what stands in for it at a demonstration."""

from __future__ import annotations

from collections import OrderedDict
from importlib.metadata import entry_points
from typing import Protocol, runtime_checkable

GROUP = "tongban.sms"
_MOST_KEPT = 200


class SmsAway(Exception):
    """It was not sent, and nobody knows a code."""


@runtime_checkable
class SmsPort(Protocol):
    """A city's own gateway; ``hub serve --sms NAME`` takes the entry point of this name in ``tongban.sms``."""

    async def send(self, phone: str, words: str) -> None:
        """Raises SmsAway where it cannot be sent."""
        ...


def load_sms(name: str) -> SmsPort:
    """The gateway of an entry point; it takes its own settings where it likes. Raises ValueError with the fix."""
    found = entry_points(group=GROUP, name=name)
    if not found:
        known = ", ".join(sorted(each.name for each in entry_points(group=GROUP))) or "none is installed"
        raise ValueError(f"--sms {name}: no entry point of {GROUP} has this name; {known}")
    try:
        port = next(iter(found)).load()()
    except (ImportError, AttributeError, TypeError) as error:
        raise ValueError(f"--sms {name}: cannot be loaded ({error})") from error
    if isinstance(port, SmsPort):
        return port
    raise ValueError(f"--sms {name}: has no send(phone, words)")


class Shelf:
    """The telephones of a demonstration: the last message of each lies here to be read, and goes nowhere."""

    def __init__(self) -> None:
        self.messages: OrderedDict[str, str] = OrderedDict()
        self.away = False

    async def send(self, phone: str, words: str) -> None:
        """Puts it on the shelf."""
        if self.away:
            raise SmsAway("the shelf is away")
        self.messages.pop(phone, None)
        self.messages[phone] = words
        while len(self.messages) > _MOST_KEPT:
            self.messages.popitem(last=False)
