"""Small questions that several steps share."""

from __future__ import annotations

from kiosk.cases import is_receipt_number
from kiosk.journey.engine import Journey
from kiosk.messages.typed import digits
from kiosk.pages import Field
from kiosk.text import NOTHING, Text, text

_DIGITS = 24


async def ask_receipt_number(journey: Journey, title: Text, error: Text = NOTHING) -> str:
    """A receipt number with a right check digit, or "" when the person goes back. ``error`` stands there at first."""
    value = ""
    while True:
        field = Field(
            name="number",
            label=text("receipt.label"),
            keys="digits",
            value=value,
            error=error,
            hint=text("receipt.hint"),
            max_length=_DIGITS,
        )
        answer = await journey.visit.show(journey.page("receipt_number", title, field, lead=text("receipt.lead")))
        if answer.action == "back":
            return ""
        value = digits(str(answer.values.get("number", "")))
        if is_receipt_number(value):
            return value
        error = text("receipt.wrong") if len(value) == _DIGITS else text("receipt.length", n=len(value))
