"""How the machine stands with its hub: a small closed set of words, each with its text in the locale files."""

from __future__ import annotations

from enum import StrEnum

from kiosk.hub_link.http import Answer
from kiosk.messages.encoding import InvalidMessage, decode
from kiosk.messages.fleet import HeartbeatAnswer


class LinkState(StrEnum):
    """What is known from the last word of the hub, or of whatever stands in its place."""

    STARTING = "starting"
    ONLINE = "online"
    NO_CONNECTION = "no_connection"
    SILENT = "silent"
    """It accepts and does not answer in time."""
    UNTRUSTED = "untrusted"
    """Its certificate is not from an authority that this machine trusts."""
    NOT_A_HUB = "not_a_hub"
    """A portal, a gateway's page, or an answer that was damaged."""
    FAILING = "failing"
    NOT_ENROLLED = "not_enrolled"
    OTHER_MACHINE_KEY = "other_machine_key"
    """No machine of this id is enrolled with this key: it never was, or its store was replaced."""
    REFUSED = "refused"
    OTHER_HUB = "other_hub"
    """A hub with other keys than those in ``[hub]``."""


PASSING = frozenset({LinkState.STARTING, LinkState.ONLINE, LinkState.NO_CONNECTION, LinkState.SILENT})
"""What comes right by itself, or is right; everything else needs a person."""
ANSWERING = frozenset({LinkState.NOT_ENROLLED, LinkState.OTHER_MACHINE_KEY, LinkState.REFUSED, LinkState.OTHER_HUB})
"""A hub is there and will say the same for a while: it is not asked every few seconds."""
_NO_ANSWERS = {
    "timeout": LinkState.SILENT,
    "untrusted": LinkState.UNTRUSTED,
    "too_long": LinkState.NOT_A_HUB,
    "packed": LinkState.NOT_A_HUB,
    "nonsense": LinkState.NOT_A_HUB,
    "replayed": LinkState.NOT_A_HUB,
    "server_error": LinkState.FAILING,
}
_BY_STATUS = {
    401: LinkState.OTHER_MACHINE_KEY,
    403: LinkState.NOT_ENROLLED,
    404: LinkState.NOT_A_HUB,
    408: LinkState.FAILING,
    425: LinkState.FAILING,
    429: LinkState.FAILING,
}


def detail_of(answer: Answer, state: LinkState) -> str:
    """What was seen, in a technician's words; "" when nothing is wrong."""
    if state is LinkState.ONLINE:
        return ""
    if state is LinkState.OTHER_HUB:
        return "it names other keys than [hub]"
    if answer.is_page:
        return f"{answer.status}, a web page"
    return answer.problem if answer.status != 200 else "200, damaged or not a hub's answer"


def state_of_reason(reason: str) -> LinkState:
    """The state behind a ``NoAnswer``."""
    return _NO_ANSWERS.get(reason, LinkState.NO_CONNECTION)


def state_of_answer(answer: Answer) -> LinkState:
    """What a whole answer to a heartbeat tells; ``ONLINE`` when it has the form of one."""
    if answer.status == 200:
        try:
            decode(answer.body, HeartbeatAnswer)
        except InvalidMessage:
            return LinkState.NOT_A_HUB
        return LinkState.ONLINE
    if answer.status >= 500:
        return LinkState.FAILING
    if answer.status < 400 or answer.is_page:
        return LinkState.NOT_A_HUB
    return _BY_STATUS.get(answer.status, LinkState.REFUSED)
