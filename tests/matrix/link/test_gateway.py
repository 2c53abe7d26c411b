"""What one odd answer on the way does to the machine, with the real carrier and the real hub."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import trio

from kiosk.hub_link.carriers import HttpsCarrier, Outgoing
from kiosk.hub_link.http import HubHttp
from kiosk.hub_link.identity import Identity
from kiosk.hub_link.outcome import Outcome
from kiosk.messages.envelope import sha256_hex
from offline_cache.outbox import PartDigest
from tests.hub.fixtures import Machine, RunningHub, Sealed
from tests.matrix.link.proxy import Proxy


class ScriptedProxy(Proxy):
    """Does to each request what comes next in ``faults``, then nothing any more."""

    faults: list[str]

    def fault(self) -> str:
        return self.faults.pop(0) if self.faults else ""


@pytest.fixture
def proxy(hub: RunningHub) -> Iterator[ScriptedProxy]:
    proxy = ScriptedProxy(("127.0.0.1", int(hub.url.rpartition(":")[2])), seed=1, refused=0.0)
    proxy.faults = []
    proxy.start()
    yield proxy
    proxy.stop()


async def deliver(machine: Machine, proxy: Proxy, sent: Sealed) -> Outcome:
    who = Identity(machine.kiosk_id, machine.keys.private, machine.keys.public)
    http = HubHttp(f"http://127.0.0.1:{proxy.port}", who, machine.clock, timeout_s=5)
    part = PartDigest("form", sha256_hex(sent.part), len(sent.part))

    async def parcel(_: str) -> bytes:
        return sent.part

    try:
        outgoing = Outgoing(sent.key, sent.header_bytes, sent.signature, [part], False, parcel)
        return await HttpsCarrier(http, machine.clock).deliver(outgoing)
    finally:
        await http.aclose()


@pytest.mark.parametrize("place", [0, 1])
async def test_a_request_that_arrives_twice_is_taken_once(
    hub: RunningHub, machine: Machine, proxy: ScriptedProxy, place: int
) -> None:
    proxy.faults = [""] * place + ["twice, first answer"]
    sent = machine.envelope("finding", b"once", parcels=False)
    assert (await deliver(machine, proxy, sent)).meaning == "receipt"
    assert hub.sql("select count(*) from event where envelope_key = %s and kind = 'received'", sent.key) == [(1,)]


@pytest.mark.parametrize("place", [0, 1])
def test_a_gateway_that_answers_with_the_second_of_two_does_not_stop_the_machine(
    hub: RunningHub, machine: Machine, proxy: ScriptedProxy, place: int
) -> None:
    proxy.faults = [""] * place + ["twice, second answer"]
    sent = machine.envelope("finding", b"once", parcels=False)
    assert trio.run(deliver, machine, proxy, sent).meaning != "paused"
