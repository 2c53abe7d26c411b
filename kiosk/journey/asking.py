"""Small questions that several steps share. Not a step kind."""

from __future__ import annotations

from kiosk.cases import is_receipt_number
from kiosk.journey.engine import Journey
from kiosk.pages import Field
from kiosk.text import NOTHING, Text, text


async def ask_receipt_number(journey: Journey, title: Text) -> str:
    """A receipt number with a right check digit, or "" when the person goes back."""
    value, error = "", NOTHING
    while True:
        field = Field(
            name="number",
            label=text("receipt.label"),
            keys="receipt",
            value=value,
            error=error,
            hint=text("receipt.hint"),
            max_length=24,
        )
        answer = await journey.visit.show(journey.page("receipt_number", title, field, lead=text("receipt.lead")))
        if answer.action == "back":
            return ""
        value = str(answer.values.get("number", "")).replace(" ", "")
        if is_receipt_number(value):
            return value
        error = text("receipt.wrong")
