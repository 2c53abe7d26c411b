"""The way of a card through the dispenser. Where it is, only the dispenser's sensors say; no movement's answer does."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from devices.card_dispenser.crt import Crt, DeviceRefusal
from devices.card_dispenser.k720 import K720
from devices.card_dispenser.status import Dispenser, Place
from devices.contract import Deadline, TryAgain
from devices.document_making import LOOK_S, SETTLE_S, Refusal
from devices.vocabulary import SupplyState

WORDS = {"bin_full": "box_full", "stacker_empty": "stock_out"}
"""The dispenser's codes for what every maker has a word for."""


class Cards:
    """One dispenser. TryAgain when it does not answer, Refusal when it says no."""

    def __init__(self, device: Crt | K720) -> None:
        self._device = device
        self._fault = ""

    def open(self) -> None:
        """Open and reset; a card that is inside stays there."""
        try:
            self._device.open()
        except DeviceRefusal as refusal:
            raise TryAgain(refusal.error, "the dispenser does not reset") from None

    def close(self) -> None:
        """Let go of the line."""
        self._device.close()

    def seen(self, deadline: Deadline) -> Dispenser:
        """What its sensors say. A movement that it refused is told as its fault as long as a card is inside."""
        try:
            state = self._device.state(deadline)
        except DeviceRefusal as refusal:
            state = Dispenser(Place.UNKNOWN, SupplyState.UNKNOWN, fault=refusal.error)
        if state.place is Place.NOWHERE:
            self._fault = ""
        fault = state.fault or self._fault or ("bin_full" if state.bin_full else "")
        return replace(state, fault=WORDS.get(fault, fault))

    def at_rest(self, deadline: Deadline) -> Dispenser:
        """The same, once nothing moves any more."""
        while (state := self.seen(deadline)).place is Place.MOVING:
            if deadline.over:
                raise TryAgain("silent", "the dispenser does not end its movement")
            deadline.pause(LOOK_S)
        return state

    def bring(self, deadline: Deadline) -> None:
        """The next blank from the stacker under the writer."""
        self._move("reader", {Place.READER}, deadline)

    def present(self, deadline: Deadline) -> None:
        """The card to the gate; it may have been taken when this returns."""
        self.must_be_inside(deadline)
        self._move("gate", {Place.GATE, Place.NOWHERE}, deadline)

    def keep(self, deadline: Deadline) -> None:
        """The card into the bin; when that is full, out of reach at least."""
        state = self.must_be_inside(deadline)
        if state.bin_full:
            if state.place is Place.GATE:
                self._move("reader", {Place.READER}, deadline)
            raise Refusal("box_full")
        self._move("bin", {Place.NOWHERE}, deadline)

    def must_be_inside(self, deadline: Deadline) -> Dispenser:
        """A movement without a card inside would draw a fresh one from the stacker."""
        if (state := self.at_rest(deadline)).place is Place.NOWHERE:
            raise Refusal("nothing_inside")
        return state

    def _move(self, to: str, wanted: Collection[Place], deadline: Deadline) -> None:
        try:
            self._device.move(to, deadline)
        except DeviceRefusal as refusal:
            self._fault = refusal.error
            raise Refusal(WORDS.get(refusal.error, refusal.error)) from None
        if self.at_rest(Deadline(SETTLE_S)).place not in wanted:
            self._fault = "not_moved"
            raise Refusal("not_moved")
        self._fault = ""
