"""``kiosk sim DEVICE``: an emulated device on the real wire, found beside the driver of its kind."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import entry_points
from importlib.util import find_spec

import click

from devices.drivers import GROUP, SettingsError, declarations_of, load_driver


def emulators() -> dict[str, str]:
    """By kind, the module whose ``main(argv)`` emulates a device, in the folder ``sim`` beside its driver.

    ``sim/emulator.py``, or a module of the kind's own name where a driver serves several kinds.
    """
    found: dict[str, str] = {}
    for name in sorted(entry_points(group=GROUP).names):
        try:
            driver = load_driver(name)
        except SettingsError:
            continue
        folder = driver.__module__.rpartition(".")[0]
        if folder and find_spec(f"{folder}.sim"):
            for kind in declarations_of(driver):
                own = f"{folder}.sim.{kind}"
                found[kind] = own if find_spec(own) else f"{folder}.sim.emulator"
    return found


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("device")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sim(device: str, arguments: tuple[str, ...]) -> None:
    """Emulate a device of the kind DEVICE; its own options follow (try: kiosk sim camera --help)."""
    known = emulators()
    if device not in known:
        raise click.BadParameter(f"no emulator of the kind {device}; there are: {', '.join(sorted(known)) or 'none'}")
    sys.exit(importlib.import_module(known[device]).main(list(arguments)))
