"""What a paper says, before anyone has thought about paper."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec

from kiosk.text import NOTHING, Text


class SecondCopy(NamedTuple):
    """``codes`` are the texts of the QR codes in order, sealed and signed; ``mark`` stands beside them."""

    mark: str
    codes: tuple[str, ...]


class Letterhead(msgspec.Struct, frozen=True, kw_only=True):
    """What stands on every paper there is: where and when it was printed, for whom, about what, and whom to ask.

    ``person`` is masked already; "" where the paper is nobody's. ``about`` is the service or what else it deals with.
    """

    title: Text
    about: Text
    hall: Text
    machine: str
    printed_at: datetime
    help_phone: str
    complaint_phone: str
    catalogue_version: str
    line: Text = NOTHING
    person: str = ""


class Row(msgspec.Struct, frozen=True):
    """A label and its value."""

    label: Text
    value: Text


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a sheet: rows beneath a title, or sentences that are numbered when there are several."""

    title: Text = NOTHING
    rows: tuple[Row, ...] = ()
    sentences: tuple[Text, ...] = ()


class ResumeModel(msgspec.Struct, frozen=True, kw_only=True):
    """What leads to a half-done service at another machine: ``code`` in its groups, ``qr`` the same to scan."""

    head: Letterhead
    code: str
    qr: str
    sentences: tuple[Text, ...]


class SlipModel(msgspec.Struct, frozen=True, kw_only=True):
    """One case on paper. ``state`` is what has been proved at the time of printing.

    ``state`` is a ``kiosk.cases.CaseState`` value, or a word of a newer hub, which is printed as it is. ``promise``
    is printed only once the department has accepted, whatever is given. ``copy_number`` 0 is the first slip, n the
    n-th reprint; ``training`` is the watermark of slips that mean nothing; ``progress_qr`` is what the phone reads.
    ``is_on_its_way``: what is ``stored`` waits for no network: there is one.
    ``second_copy`` is printed only while the city does not have the case (``stored``); ``second_copies`` are those of
    several. ``slip_code`` opens the case together with the number, which can be guessed; "" on a copy that the card
    opened. ``left_out``: what this paper does not have, and where that is told.
    """

    head: Letterhead
    receipt_number: str
    state: str
    is_on_its_way: bool = False
    slip_code: str = ""
    rows: tuple[Row, ...] = ()
    reasons: tuple[Text, ...] = ()
    progress_qr: str = ""
    what_next: tuple[Text, ...] = ()
    accepted_at: datetime | None = None
    promise: Text = NOTHING
    copy_number: int = 0
    training: Text = NOTHING
    second_copy: SecondCopy | None = None
    second_copies: tuple[SecondCopy, ...] = ()
    left_out: Text = NOTHING
