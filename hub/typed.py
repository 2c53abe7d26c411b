"""Numbers and names that are typed behind a ``hub`` command: brought into one form, or refused at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated

import click
from msgspec import Meta

from kiosk.messages import typed
from kiosk.messages.bounds import one_line

Hour = Annotated[str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""A time of the day, ``07:00``."""
_NAME_CHARACTERS = 64


class Typed(click.ParamType):
    """What ``read`` makes of the words on a command line."""

    def __init__(self, name: str, read: Callable[[str], str]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """See ``click.ParamType``."""
        try:
            return self._read(value)
        except typed.WronglyTyped as error:
            self.fail(str(error), param, ctx)


def _somebody(text: str) -> str:
    name = one_line(" ".join(text.split()), _NAME_CHARACTERS)
    if not name:
        raise typed.WronglyTyped("a name is missing: nobody would answer for it")
    return name


def _receipt_number(text: str) -> str:
    """In whatever groups; the numbers of other cities' machines may have letters, and nothing to check."""
    return typed.receipt_number(text) if typed.digits(text).isdecimal() else typed.plain(text)


def _of_the_post(text: str) -> str:
    number = typed.digits(text).upper()
    if not re.fullmatch("[0-9A-Z]{1,32}", number):
        raise typed.WronglyTyped("number of the post: not 1 to 32 letters and digits; copy it from the label")
    return number


MACHINE = Typed("machine", typed.machine_id)
RECEIPT_NUMBER = Typed("receipt number", _receipt_number)
CARD_NUMBER = Typed("card number", typed.card_number)
POST_NUMBER = Typed("number of the post", _of_the_post)
SOMEBODY = Typed("name", _somebody)
