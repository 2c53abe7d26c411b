"""What the module's status byte SW3 means: a stable error code, whose fault it is, and what helps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from devices.id_card_reader import codec
from devices.vocabulary import Completion

CARD_LEFT = "card_left"
"""Error code of the status while a card lies there that is not read before it was lifted."""


class Remedy(Enum):
    """What helps against a failure."""

    REPEAT = "repeat the command"
    LIFT = "lift the card and place it again"
    OTHER_CARD = "use another card"
    SERVICE = "a technician"


@dataclass(frozen=True, slots=True)
class Meaning:
    """One SW3: the error code that is published, the completion of the command, and the remedy."""

    error: str
    completion: Completion
    remedy: Remedy


def _card(error: str, remedy: Remedy = Remedy.LIFT) -> Meaning:
    return Meaning(error, Completion.USER_ERROR, remedy)


def _link(error: str) -> Meaning:
    return Meaning(error, Completion.HARDWARE_ERROR, Remedy.REPEAT)


def _module(error: str) -> Meaning:
    return Meaning(error, Completion.HARDWARE_ERROR, Remedy.SERVICE)


MEANINGS = {
    codec.BAD_CHECKSUM: _link("bad_checksum"),
    codec.BAD_LENGTH: _link("bad_length"),
    codec.BAD_COMMAND: Meaning("bad_command", Completion.UNSUPPORTED, Remedy.SERVICE),
    codec.NOT_PERMITTED: Meaning("not_permitted", Completion.HARDWARE_ERROR, Remedy.LIFT),
    codec.UNKNOWN_ERROR: _link("unknown_error"),
    codec.CARD_REJECTS_SAM: _card("card_rejects_reader"),
    codec.SAM_REJECTS_CARD: _card("reader_rejects_card"),
    codec.VERIFICATION_FAILED: _card("verification_failed"),
    codec.UNKNOWN_CARD: _card("unknown_card", Remedy.OTHER_CARD),
    codec.READ_FAILED: _card("read_failed"),
    codec.RANDOM_NUMBER_FAILED: _card("random_number_failed"),
    codec.SELF_TEST_FAILED: _module("self_test_failed"),
    codec.NOT_AUTHORISED: _module("not_authorised"),
    codec.NO_CARD: _card("no_card"),
    codec.SELECT_FAILED: _card("select_failed"),
    codec.NO_CONTENT: _card("no_content", Remedy.OTHER_CARD),
    codec.LINK_FAULT: _link("link_fault"),
}


def meaning(sw3: int) -> Meaning:
    """What ``sw3`` means; a byte that no paper names is an unknown error of the card, which lifting may clear."""
    return MEANINGS.get(sw3) or _card(f"unknown_status_{sw3:02x}")
