"""What state the machine is in, for people and for monitoring; asked from the running machine, never beside it."""

from __future__ import annotations

import os
import platform
from collections.abc import Awaitable, Iterable
from importlib import metadata
from typing import Any, TypeVar

import msgspec
import structlog

from kiosk import hardening, shapes
from kiosk.machine import Machine
from kiosk.messages.bounds import Seq
from kiosk.status_socket import CannotAnswer, Question
from kiosk.text import text
from kiosk.threads import in_thread
from offline_cache.errors import StoreError
from offline_cache.outbox import Outbox

T = TypeVar("T")
log = structlog.get_logger()


class _OneOrAll(msgspec.Struct, frozen=True):
    seq: Seq | None = None


def questions(machine: Machine) -> dict[str, Question]:
    """What the status socket is asked; what it is ordered stands in kiosk/orders.py."""

    async def doctor(_request: dict[str, Any]) -> dict[str, Any]:
        return await examine(machine)

    async def queue(request: dict[str, Any]) -> dict[str, Any]:
        rows = await _told(queue_rows(machine, shapes.convert(request, _OneOrAll).seq))
        return {"queue": await queue_facts(machine), "rows": rows}

    async def staff(_request: dict[str, Any]) -> dict[str, Any]:
        return {"staff": msgspec.to_builtins(await in_thread(machine.staff.known))}

    async def audit(_request: dict[str, Any]) -> dict[str, Any]:
        return {"audit": await in_thread(machine.audit_proof.examine)}

    async def stock(_request: dict[str, Any]) -> dict[str, Any]:
        return {"stock": await in_thread(machine.stock.counts)}

    async def under_way(_request: dict[str, Any]) -> dict[str, Any]:
        found = await in_thread(machine.journal.open_intents)
        return {"under_way": [{"kind": each.kind, "ref": each.ref, "since": each.begun_at} for each in found]}

    return {"doctor": doctor, "queue": queue, "audit": audit, "staff": staff, "stock": stock, "under_way": under_way}


async def _told(answer: Awaitable[T]) -> T:
    """What the store refuses is told to whoever asked."""
    try:
        return await answer
    except StoreError as error:
        raise CannotAnswer(f"{error}; kiosk queue list shows all") from error


async def examine(machine: Machine) -> dict[str, Any]:
    """``kiosk doctor --json`` (CONTRACTS §2): devices, store, hub, clock, queue, versions, protection, audit."""
    return {
        "devices": device_rows(machine),
        "store": await in_thread(store_facts, machine),
        "hub": await in_thread(hub_facts, machine),
        "clock": clock_facts(machine),
        "queue": await queue_facts(machine),
        "versions": versions(machine.catalogue.version),
        "memory": await in_thread(memory_facts, machine),
        "protection": protection_facts(machine),
        "audit": {"entries": machine.audit_log.head()[0], "differs_from_hub": machine.hub_words.audit_is_doubted},
        "out_of_service": machine.out_of_service,
    }


def device_rows(machine: Machine) -> list[dict[str, Any]]:
    """One row per configured device with the XFS words; ``level`` "error" is trouble by its driver's declaration."""
    rows = []
    peripherals = machine.peripherals
    for name, table in machine.config.devices.items():
        status = peripherals.status(name)
        rows.append(
            {
                "name": name,
                "kind": peripherals.kinds[name],
                "driver": table.get("driver", ""),
                "device": status.device,
                "media": status.media,
                "supply": status.supply,
                "error": status.error,
                "detail": status.detail,
                "level": peripherals.declaration(name).level(status),
                "since": status.since.isoformat(),
            }
        )
    return rows


def hub_facts(machine: Machine) -> dict[str, Any]:
    """How the machine stands with the hub, and why.

    ``accepted``: whether the hub has ever taken this machine, which takes no case before. ``wrong_key`` names the key
    of ``[hub]`` that is not its own ("": none is known to be). ``put_aside``: files from the exchange folder that could
    not be read or believed, for a person to look at.
    """
    files = machine.files
    link = machine.link
    facts = {
        "url": machine.config.hub.url,
        "online": link.online,
        "state": link.state.value,
        "reason": text(f"link.{link.state}").en + (f" ({link.detail})" if link.detail else ""),
        "accepted": machine.numbers.are_known,
        "needs_a_person": link.needs_a_person or not machine.numbers.are_known,
        "wrong_key": machine.hub_keys.trouble,
    }
    return facts | ({"folder": machine.config.hub.folder, "put_aside": files.count_aside()} if files else {})


def clock_facts(machine: Machine) -> dict[str, Any]:
    """The time that the machine goes by, what bounds it, and how far its own clock is from it (CONTRACTS §10)."""
    read = machine.clock.read()
    return {
        "now": read.at.isoformat(timespec="seconds"),
        "doubted": read.is_doubted,
        "offset_s": round(read.offset_s),
        "bound_by": read.bound_by,
        "knows_date": read.is_known,
    }


def store_facts(machine: Machine) -> dict[str, Any]:
    """Engine, room, and how long this disk takes to sync; suspicious disks are named."""
    times = machine.store.sync_times(machine.clock.monotonic)
    facts: dict[str, Any] = {
        "path": machine.config.store.path,
        "engine": machine.store.engine,
        "free_mb": machine.store.free_bytes // 2**20,
        "has_room": machine.store.has_room,
    }
    if times is not None:
        facts |= {"sync_p50_ms": round(times.p50_ms, 3), "sync_p99_ms": round(times.p99_ms, 3)}
        facts["disk"] = (
            "too slow" if times.p99_ms > 100 else "suspiciously fast" if times.p50_ms < 0.05 else "plausible"
        )
    return facts


async def queue_facts(machine: Machine) -> dict[str, Any]:
    """Depth, oldest, held: envelopes only."""
    return await in_thread(waiting_facts, machine.outbox)


def waiting_facts(outbox: Outbox) -> dict[str, Any]:
    """The same, of any outbox."""
    counts = outbox.counts()
    return {"depth": counts.depth, "held": counts.held, "oldest_age_s": outbox.oldest_age_s}


async def queue_rows(machine: Machine, seq: int | None) -> list[dict[str, Any]]:
    """The rows of ``queue list --json``."""
    now = machine.clock.monotonic()
    rows = await in_thread(lambda: machine.outbox.rows(now) if seq is None else [machine.outbox.row(seq, now)])
    return [msgspec.to_builtins(r) for r in rows]


def versions(catalogue: str) -> dict[str, str]:
    """Program, interpreter, and the libraries that safety rests on."""
    named = ("kivy", "trio", "pysqlite3", "cryptography", "opencv-python", "python-escpos", "pyserial")
    found = {name: metadata.version(name) for name in named}
    return {
        "tongban": metadata.version("tongban"),
        "python": platform.python_version(),
        "catalogue": catalogue,
        **found,
    }


def say_whether_memory_is_safe(machine: Machine) -> None:
    """One status line at the start, measured."""
    safe = all(hardening.overwrites().values())
    machine.publish("memory", overwritten=safe)
    if not safe:
        log.error("freed_memory_stays_readable")


def protection_facts(machine: Machine) -> dict[str, Any]:
    """What protects keys and visits, and what of it is missing.

    ``secrets`` is what binds the store's secrets to this computer: ``tpm2``, ``host`` (its host key), ``none``: they
    lie in clear. ``missing``: ``sealing``, ``closed_memory`` (another process of this user may read the machine's),
    ``closed_vision``, ``own_user`` (the machine is run by root).
    """
    vision = _all_say(looker.is_closed for looker in machine.lookers)
    lacks = {
        "sealing": machine.vault.kind == "none",
        "closed_memory": not hardening.is_closed(),
        "closed_vision": vision is False,
        "own_user": os.geteuid() == 0,
    }
    return {"secrets": machine.vault.kind, "missing": [name for name, is_so in lacks.items() if is_so]}


def _all_say(words: Iterable[bool | None]) -> bool | None:
    """What those say who have said something; None while nobody has."""
    said = [word for word in words if word is not None]
    return all(said) if said else None


def memory_facts(machine: Machine) -> dict[str, Any]:
    """Whether freed memory is overwritten (CONTRACTS §8), measured now in this process and by the vision worker.

    ``vision`` is None while no worker has said.
    """
    found = hardening.overwrites()
    vision = _all_say(looker.overwrites for looker in machine.lookers)
    return {"freed_memory_overwritten": all(found.values()) and vision is not False, **found, "vision": vision}
