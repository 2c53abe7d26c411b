"""What a field is that asks on pages of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from kiosk.journey.engine import Journey, Outcome
from kiosk.journey.fields.kinds import FormField
from kiosk.text import Text


@dataclass(frozen=True)
class OwnPages:
    """``ask`` keeps the answer and ends with NEXT, BACK, or OFFLINE where it asks the city.

    ``adds``: what it keeps besides, as ``<name>_<word>``.
    """

    ask: Callable[[Journey, Text, FormField], Awaitable[Outcome]]
    asks_city: bool = False
    adds: tuple[str, ...] = ()
