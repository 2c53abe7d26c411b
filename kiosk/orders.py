"""What somebody in charge may order of the machine: each order by name, and each written into the audit chain.

The rooms of maintenance mode and the operator's socket give them. A new order is one class here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeVar

import msgspec
import trio
from msgspec import Meta

from kiosk import lockers, shapes
from kiosk.lockers import BOARD
from kiosk.machine import Machine
from kiosk.messages.bounds import Seq
from kiosk.messages.lockers import MOST_LOCKS
from kiosk.slips.intents import STAFF_SAW
from kiosk.status_socket import CannotAnswer, Question
from kiosk.threads import in_thread
from offline_cache.errors import StoreError

T = TypeVar("T")
Reason = Literal["", "maintenance", "paper", "fault"]
"""Why the machine is out of service; "" when it is in service again."""


class By(NamedTuple):
    """Who orders. ``room`` stands before the event's name in the audit chain."""

    actor: str
    room: str = ""


OPERATOR = By("operator")


class Order(msgspec.Struct, frozen=True):
    """``event`` is its name in the audit chain; ``carry_out`` gives what the operator is answered."""

    event: ClassVar[str]

    async def carry_out(self, machine: Machine, by: By) -> dict[str, Any]:
        """Raises StoreError, CannotAnswer."""
        raise NotImplementedError

    async def _written(
        self, machine: Machine, by: By, action: Callable[[], T], detail: Callable[[T], dict[str, Any]]
    ) -> T:
        """``action`` on the store and its audit row in one transaction."""

        def both() -> T:
            result = action()
            machine.audit_log.append(by.actor, by.room + self.event, detail(result))
            return result

        return await in_thread(machine.store.write, both)


class Release(Order, frozen=True):
    """Let a held envelope be tried again."""

    event = "released"
    seq: Seq

    async def carry_out(self, machine: Machine, by: By) -> dict[str, Any]:
        """``released`` is False for one that is not held."""
        release = partial(machine.outbox.release, self.seq)
        freed = await self._written(machine, by, release, lambda freed: {"seq": self.seq} | _unless(freed))
        if freed:
            machine.forwarder.nudge()
        return {"released": freed}


class ServiceState(Order, frozen=True):
    """Take the machine out of service, or back."""

    event = "service_state"
    reason: Reason

    async def carry_out(self, machine: Machine, by: By) -> dict[str, Any]:
        """Written down in one with it: a change that nobody signed for must not be possible."""
        said = {"reason": self.reason or "in_service"}
        row = partial(machine.audit_log.append, by.actor, by.room + self.event, said)
        await machine.set_out_of_service(self.reason, row)
        return {"out_of_service": self.reason}


class RestartDevice(Order, frozen=True):
    """Set a device's driver up anew."""

    event = "device_restarted"
    device: Annotated[str, Meta(min_length=1, max_length=64)]

    async def carry_out(self, machine: Machine, by: By) -> dict[str, Any]:
        """A driver that hangs is not restarted: its thread cannot be ended alone."""
        if not machine.peripherals.can_restart(self.device):
            raise CannotAnswer(f"{self.device} is no device whose driver can be set up anew; kiosk doctor lists them")
        await machine.audit(by.room + self.event, actor=by.actor, device=self.device)
        restarted = await in_thread(machine.peripherals.restart, self.device)
        return {"restarted": restarted}


class OpenLocker(Order, frozen=True):
    """Open one door for staff, who fills it, empties it, or looks into it."""

    event = "locker_opened"
    lock: Annotated[int, Meta(ge=1, le=MOST_LOCKS)]

    async def carry_out(self, machine: Machine, by: By) -> dict[str, Any]:
        """``door``: opened, shut or unknown, by the board's word. Not while somebody is served at the machine."""
        board = machine.peripherals.chosen(BOARD)
        if not machine.is_quiet or await in_thread(lockers.under_way, machine):
            raise CannotAnswer("somebody is served, or a door has no end yet; try again when the machine is free")
        if not machine.peripherals.is_usable(BOARD):
            raise CannotAnswer("there is no lock board here that works; kiosk doctor tells why")
        await machine.audit(by.room + self.event, actor=by.actor, lock=self.lock)
        done = await machine.peripherals.call(board, "open_door", lockers.OPEN_S, lock=self.lock)
        return {"door": lockers.door_of(done).value, "error": done.error}


class SettleDoubt(Order, frozen=True):
    """A person has seen how an effect ended that no device could prove."""

    event = "doubt_settled"
    intent: Seq
    outcome: Literal["printed", "not_printed"]

    async def carry_out(self, machine: Machine, by: By) -> dict[str, Any]:
        """Resolves it in the journal. The printer is brought to a known state all the same."""
        resolve = partial(machine.journal.resolve, self.intent, STAFF_SAW[self.outcome])
        await self._written(machine, by, resolve, lambda _: {"intent": self.intent, "outcome": self.outcome})
        return {"settled": self.outcome}


class RemoveStaff(Order, frozen=True):
    """Forget every card of a member of staff."""

    event = "staff_removed"
    ref: Annotated[str, Meta(min_length=1, max_length=64)]

    async def carry_out(self, machine: Machine, by: By) -> dict[str, Any]:
        """``removed``: how many cards."""
        remove = partial(machine.staff.remove, self.ref)
        removed = await self._written(machine, by, remove, lambda removed: {"ref": self.ref, "cards": removed})
        return {"removed": removed}


ORDERS: dict[str, type[Order]] = {
    "release": Release,
    "service_state": ServiceState,
    "restart_device": RestartDevice,
    "open_locker": OpenLocker,
    "settle_doubt": SettleDoubt,
    "staff_remove": RemoveStaff,
}


async def carry_out(machine: Machine, by: By, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Raises KeyError for no order, msgspec.ValidationError for wrong arguments, StoreError, CannotAnswer."""
    order = shapes.convert(arguments, ORDERS[name])
    # What was begun is done and written down to its end, whoever hangs up or lifts a card meanwhile.
    done: dict[str, Any] = {}
    with trio.CancelScope(shield=True):
        done.update(await order.carry_out(machine, by))
    return done


def questions(machine: Machine) -> dict[str, Question]:
    """The orders that the operator may give at the status socket."""

    def question(name: str) -> Question:
        async def order(request: dict[str, Any]) -> dict[str, Any]:
            try:
                return await carry_out(machine, OPERATOR, name, request)
            except StoreError as error:
                raise CannotAnswer(f"{error}; kiosk queue list shows all") from error

        return order

    return {name: question(name) for name in ORDERS if name != "settle_doubt"}


def _unless(freed: bool) -> dict[str, Any]:
    return {} if freed else {"freed": False}
