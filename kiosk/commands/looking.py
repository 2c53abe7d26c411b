"""Commands that look: they ask the running machine and never take a port or a lock from it."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click
import msgspec
import trio

from devices.vocabulary import DeviceState
from kiosk import hardening, status_socket
from kiosk.clock import Clock
from kiosk.commands.common import failed, loaded, print_table, say
from kiosk.config import Config
from kiosk.hub_link.address import is_loopback
from kiosk.hub_link.audit_proof import AuditProof
from kiosk.hub_link.known_keys import present_keys
from kiosk.hub_link.state import LinkState
from offline_cache.audit import Audit
from offline_cache.store import Store
from offline_cache.values import Values

if TYPE_CHECKING:
    from kiosk.machine import Machine

_FIRST_WORD_S = 60.0
"""A busy computer takes this long until each device, and the way to the hub, has said what it is at all."""
_SETTLE_S = 8.0
"""What is not there may still come: it was slow to start, or is being plugged in."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
@click.pass_obj
def doctor(config_path: str | None, as_json: bool) -> None:
    """Name every device and its state, the store, the hub, the queue, the versions.

    Exit 3: a device does not work, an envelope is held, a key of [hub] is wrong, the hub does not take this machine, or
    freed memory stays readable, its clock is not believed, the hub has another audit chain, or, with a hub that is not
    on this computer, a protection is missing.
    """
    config = loaded(config_path)
    report = trio.run(partial(_ask_running_machine, config, "doctor"))
    if report is None:
        # What is measured must be what a start would run with.
        hardening.restart_hardened(sys.argv[1:])
        report = trio.run(partial(examined_alone, config))
    report.pop("type", None)
    report.pop("ask", None)
    if as_json:
        click.echo(msgspec.json.encode(report))
    else:
        _print_report(report)
    sys.exit(0 if _is_well(report) else 3)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
@click.pass_obj
def devices(config_path: str | None, as_json: bool) -> None:
    """List the configured devices, their drivers and states."""
    config = loaded(config_path)
    report = trio.run(partial(_ask_running_machine, config, "doctor")) or trio.run(partial(examined_alone, config))
    if as_json:
        click.echo(msgspec.json.encode(report["devices"]))
    else:
        _print_devices(report["devices"])


@click.group()
def audit() -> None:
    """The chained log of what was done to the machine."""


@audit.command()
@click.pass_obj
def verify(config_path: str | None) -> None:
    """Check every link of the audit chain, and say how far the hub vouches for it, and since when.

    The hub hears the chain's head with each heartbeat and signs what it has: who rewrites, cuts or empties the chain
    contradicts that signature, which is kept beside it. Works beside a running machine.
    """
    config = loaded(config_path)
    answer = trio.run(partial(_ask_running_machine, config, "audit"))
    found = answer["audit"] if answer else _audit_alone(config)
    if bad := found["broken_at"]:
        failed(f"the audit chain is broken at row {bad}; keep the file and tell the city")
    click.echo(f"audit chain: unbroken, {found['entries']} entries")
    say(_proved(found, config.hub.url))


def _audit_alone(config: Config) -> dict[str, Any]:
    store = Store.peek(config.store.path, now=Clock().now)
    hub = config.hub
    try:
        known = present_keys(Values(store), hub.suite, seal_key=hub.seal_key, verify_key=hub.verify_key)
        who = {"kiosk_id": config.machine.id, "suite": hub.suite, "verify_key": known.verify_key}
        return AuditProof(Values(store), Audit(store), **who).examine()
    finally:
        store.close()


def _proved(found: dict[str, Any], hub_url: str) -> str:
    entries, at, by = found["proved_entries"], found["proved_at"], found["proved_by"]
    if by == "nobody":
        return "proved by nobody: no hub has signed it yet, so its owner may have written all of it anew"
    whose = f"the hub at {hub_url}" if by == "hub" else "a hub with another key than [hub] verify_key"
    return f"entries 1 to {entries} are proved since {at} by {whose}"


async def _ask_running_machine(config: Config, question: str) -> dict[str, Any] | None:
    return await status_socket.ask(config.machine.status_socket, question)


async def examined_alone(config: Config) -> dict[str, Any]:
    """No machine runs: build one without a screen, let its devices come up, and examine it."""
    from kiosk import doctor as examination
    from kiosk import running
    from kiosk.machine import Machine
    from kiosk.walk import ScriptedPresenter

    machine = Machine(config, ScriptedPresenter())
    async with trio.open_nursery() as nursery:
        await nursery.start(running.run, machine)
        for is_so, limit_s in ((_has_spoken, _FIRST_WORD_S), (_is_settled, _SETTLE_S)):
            with trio.move_on_after(limit_s):
                while not is_so(machine):
                    await trio.sleep(0.1)
        report = await examination.examine(machine)
        nursery.cancel_scope.cancel()
    return report


def _is_well(report: dict[str, Any]) -> bool:
    devices = all(d["device"] in ("online", "deviceBusy") and d.get("level") != "error" for d in report["devices"])
    hub, safe = report["hub"], report["memory"]["freed_memory_overwritten"]
    clock = report.get("clock", {})
    is_right = clock.get("knows_date", True) and not clock.get("doubted", False)
    is_ours = not hub["wrong_key"] and not hub["needs_a_person"]
    is_protected = is_loopback(hub["url"]) or not report.get("protection", {}).get("missing")
    is_whole = not report.get("audit", {}).get("differs_from_hub", False)
    is_closed = is_protected and safe
    return devices and is_closed and is_right and is_ours and is_whole and not report["queue"]["held"]


def _has_spoken(machine: Machine) -> bool:
    return machine.link.state is not LinkState.STARTING and DeviceState.STARTING not in _states(machine)


def _is_settled(machine: Machine) -> bool:
    known = machine.link.online or machine.link.needs_a_person
    return known and not {DeviceState.STARTING, DeviceState.NO_DEVICE} & _states(machine)


def _states(machine: Machine) -> set[DeviceState]:
    return {machine.peripherals.status(name).device for name in machine.config.devices}


def _print_report(report: dict[str, Any]) -> None:
    _print_devices(report["devices"])
    for part in ("store", "hub", "clock", "queue", "audit", "protection", "memory", "versions"):
        print_table(part, ["", ""], [[k, v] for k, v in report.get(part, {}).items()])


def _print_devices(rows: list[dict[str, Any]]) -> None:
    columns = ["name", "kind", "driver", "device", "media", "supply", "error", "detail"]
    print_table("devices", columns, [[r.get(c, "") for c in columns] for r in rows])
