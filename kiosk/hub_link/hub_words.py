"""The heartbeat: what the machine says of itself, and the hub's own signed words, put where they belong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import metadata

import structlog

from devices.vocabulary import DeviceStatus
from kiosk.hub_link.audit_proof import AuditProof
from kiosk.hub_link.http import Answer
from kiosk.hub_link.numbers import ReceiptNumbers
from kiosk.messages.fleet import AuditHead, AuditProved, Heartbeat, HeartbeatAnswer
from kiosk.threads import in_thread
from kiosk.timekeeping import Timekeeper
from offline_cache.audit import Audit
from offline_cache.errors import StoreError
from offline_cache.outbox import Outbox

log = structlog.get_logger()


class HubWords:
    """One per machine. ``audit_is_doubted``: the hub has signed another audit chain than the one that is here."""

    def __init__(
        self,
        timekeeper: Timekeeper,
        numbers: ReceiptNumbers,
        audit_proof: AuditProof,
        alarm: Callable[[str, str], None],
    ) -> None:
        self.audit_is_doubted = False
        self._timekeeper, self._numbers, self._audit_proof, self._alarm = timekeeper, numbers, audit_proof, alarm
        self._numbering_told = False

    def asks_numbering(self) -> bool:
        """Whether the numbering was not told since this start: a store put back from a copy is set right by it too."""
        return not self._numbering_told

    async def heard(self, told: HeartbeatAnswer, answer: Answer) -> None:
        """The answer to a heartbeat, whose signature was verified."""
        self._timekeeper.hub_says(told.now)
        if told.audit_proved is not None:
            await self._audit_was_proved(told.audit_proved, answer)
        if told.numbering is None:
            return
        try:
            await in_thread(self._numbers.heard, told.numbering)
            self._numbering_told = True
        except StoreError as error:
            log.error("numbers_not_kept", error=str(error))

    async def _audit_was_proved(self, proved: AuditProved, answer: Answer) -> None:
        try:
            is_ours = await in_thread(self._audit_proof.keep, proved, answer)
        except StoreError as error:
            log.error("audit_proof_not_kept", error=str(error))
            return
        if not is_ours and not self.audit_is_doubted:
            log.error("audit_chain_differs", entries=proved.entries)
            self._alarm("audit", f"the hub has another audit chain of {proved.entries} entries; keep the store's file")
        self.audit_is_doubted = not is_ours


def heartbeat(
    outbox: Outbox,
    audit_log: Audit,
    audit_base: AuditHead | None,
    *,
    catalogue_version: str,
    in_service: bool,
    devices: Mapping[str, DeviceStatus],
    cannot: list[str],
) -> Heartbeat:
    """How this machine is, for the city: numbers and states, nobody's data."""
    waiting = outbox.counts()
    return Heartbeat(
        last_seq=waiting.last_seq,
        queue_depth=waiting.depth,
        held=waiting.held,
        oldest_age_s=outbox.oldest_age_s,
        catalogue_version=catalogue_version,
        software_version=metadata.version("tongban"),
        in_service=in_service,
        devices={name: status.device.value for name, status in devices.items()},
        cannot=cannot,
        audit_head=AuditHead(*audit_log.head()),
        audit_base=audit_base,
    )
