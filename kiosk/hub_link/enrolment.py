"""How a machine becomes known to a hub, once, with a code from the city."""

from __future__ import annotations

import msgspec

from kiosk.clock import Clock
from kiosk.hub_link.http import HubHttp, NoAnswer
from kiosk.hub_link.identity import Identity
from kiosk.hub_link.known_keys import remember
from kiosk.hub_link.numbers import ReceiptNumbers
from kiosk.messages.encoding import InvalidMessage, decode
from kiosk.messages.fleet import Enrolled, Enrolment
from offline_cache.counters import Counters
from offline_cache.store import Store
from offline_cache.values import Values


class EnrolmentFailed(Exception):
    """One line: why the hub did not take this machine, and what to do."""


def keep_enrolment(store: Store, kiosk_id: str, suite: str, told: Enrolled) -> None:
    """What the hub has said at enrolment, for the next start without a network. Durable. Raises StoreError."""
    values = Values(store)
    # A wrong key in [hub] is then known at the next start, before there is any network.
    remember(values, suite, told.seal_key, told.verify_key)
    if told.numbering is not None:
        ReceiptNumbers(values, Counters(store), kiosk_id).heard(told.numbering)


async def enrol(
    hub_url: str,
    code: str,
    identity: Identity,
    clock: Clock,
    *,
    last_seq: int = 0,
    ca_file: str = "",
    timeout_s: float = 15,
) -> Enrolled:
    """Makes the machine known to the hub with a one-time code; the answer belongs into ``[hub]``.

    ``last_seq`` is what the store has used: at 0 a new key begins a new chain at the hub, else it goes on with its own.

    Raises EnrolmentFailed, ValueError for an address that is not allowed.
    """
    http = HubHttp(hub_url, identity, clock, ca_file=ca_file, timeout_s=timeout_s)
    body = msgspec.json.encode(Enrolment(code, identity.kiosk_id, identity.public_key, identity.suite))
    try:
        answer = await http.send("POST", f"/v1/enrolments?numbering=true&last_seq={last_seq}", body)
        if answer.status not in (200, 201):
            fix = "wait, then enrol with the same code" if answer.status == 429 else "ask the city for a new code"
            raise EnrolmentFailed(f"the hub refused the enrolment ({answer.problem}); {fix}")
        told = decode(answer.body, Enrolled)
        # A hub that is one version older does not sign; what is signed and does not verify was damaged on the way.
        if answer.signature and not answer.is_said_by(told.verify_key, identity):
            raise EnrolmentFailed("the answer was damaged on the way; enrol again with the same code")
        return told
    except NoAnswer as error:
        raise EnrolmentFailed(
            f"the hub at {hub_url} did not answer ({error.reason}); check address and network"
        ) from error
    except InvalidMessage as error:
        raise EnrolmentFailed(f"what answers at {hub_url} is not a hub ({error}); check the address") from error
    finally:
        await http.aclose()
