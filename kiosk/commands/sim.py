"""``kiosk sim DEVICE``: an emulated device on the real wire."""

from __future__ import annotations

import importlib
import sys

import click

SIMS = ("id_card_reader", "receipt_printer", "camera")


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("device", type=click.Choice(SIMS))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sim(device: str, arguments: tuple[str, ...]) -> None:
    """Emulate DEVICE; its own options follow (try: kiosk sim camera --help)."""
    sys.exit(importlib.import_module(f"devices.{device}.sim.emulator").main(list(arguments)))
