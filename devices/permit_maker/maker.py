"""A permit card is a blank that the dispenser brings under the writer, and gives out or keeps.

The blank's number is reserved at the bridge before the blank moves, so that after anything the bridge's journal and the
dispenser's sensors together tell how an order ended: never twice, and never on another blank.
"""

from __future__ import annotations

from contextlib import suppress

from devices.card_dispenser.status import Place as Spot
from devices.contract import Deadline, TryAgain
from devices.document_making import FEW_BLANKS, SETTLE_S, Made, MakeEnd, MakerState, Order, Place, Refusal
from devices.permit_maker.bridge import WriterBridge
from devices.permit_maker.cards import Cards
from devices.vocabulary import SupplyState

KEEP_S = 5.0
_LEFT = {SupplyState.OUT: 0, SupplyState.LOW: FEW_BLANKS}
"""At most so many blanks lie in a stacker that says this."""
_PLACES = {Spot.NOWHERE: Place.NOWHERE, Spot.GATE: Place.SLOT}
"""A card that is anywhere else, or nobody knows where, is inside."""


class PermitCards:
    """``Maker`` of two devices: cards move by the dispenser alone, stock and journal are the bridge's."""

    def __init__(self, bridge: WriterBridge, cards: Cards) -> None:
        self._bridge, self._cards = bridge, cards

    def open(self) -> None:
        """See ``Maker``."""
        self._bridge.open()
        self._cards.open()

    def close(self) -> None:
        """See ``Maker``."""
        self._bridge.close()
        self._cards.close()

    def state(self, deadline: Deadline) -> MakerState:
        """See ``Maker``."""
        said, seen = self._bridge.state(deadline), self._cards.seen(deadline)
        left = min(said.left, _LEFT.get(seen.stacker, said.left))
        place = _PLACES.get(seen.place, Place.INSIDE)
        return MakerState(said.next_serial, left, place, said.fault or seen.fault, retracted=said.retracted)

    def write(self, order: Order, deadline: Deadline) -> Made:
        """See ``Maker``. A card that is inside already is of another visit and is never written."""
        if self._cards.at_rest(deadline).place is not Spot.NOWHERE:
            raise Refusal("document_inside")
        self._bridge.reserve(order, deadline)
        try:
            self._cards.bring(deadline)
            made = self._bridge.write(order, deadline)
        except Refusal as refusal:
            return self._settled(order.key, refusal.error)
        return made if made.end is MakeEnd.WRITTEN else self._settled(order.key, made.reason)

    def end_of(self, key: str, deadline: Deadline) -> Made | None:
        """See ``Maker``. Of an order that was begun and not written, the dispenser says whether its blank has left."""
        found = self._bridge.end_of(key, deadline)
        if found is None or found.end is not MakeEnd.UNKNOWN:
            return found
        return self._settled(key, "interrupted")

    def _settled(self, key: str, reason: str) -> Made:
        """Nothing came of the order: a blank that has left the stacker is void, and goes into the bin.

        It is void before it moves again: in the bin nobody could tell it from one that never left.
        """
        deadline = Deadline(SETTLE_S)
        has_left = self._cards.at_rest(deadline).place is not Spot.NOWHERE
        end = MakeEnd.VOIDED if has_left else MakeEnd.NOT_WRITTEN
        made = self._bridge.settle(key, end, reason, deadline)
        if has_left:
            # One that cannot be moved now is told by the state, and kept before the next is begun.
            with suppress(Refusal, TryAgain):
                self._cards.keep(Deadline(KEEP_S))
        return made

    def present(self, deadline: Deadline) -> None:
        """See ``Maker``."""
        self._cards.present(deadline)

    def retract(self, deadline: Deadline) -> None:
        """See ``Maker``. Refusal ``nothing_inside`` when it was taken at the last moment.

        The bridge counts it first: an empty gate alone would say that somebody has taken it.
        """
        self._cards.must_be_inside(deadline)
        self._bridge.retract(deadline)
        self._cards.keep(deadline)

    def accept_old(self, deadline: Deadline) -> None:
        """Refusal: old cards go to the counter."""
        del deadline
        raise Refusal("no_mouth")

    def swallow_old(self, deadline: Deadline) -> None:
        """Refusal: see ``accept_old``."""
        self.accept_old(deadline)

    def shut(self, deadline: Deadline) -> None:
        """There is no mouth to close."""
