"""The command ``kiosk``. Exit codes: 0 done, 1 failed (one line: why, and what to do), 2 usage, 3 partly done."""

from __future__ import annotations

import importlib
import importlib.util

import click

from kiosk import logs
from kiosk.commands.common import OneLineGroup
from kiosk.messages.terminal import take_any_terminal

_COMMANDS = {
    "run": "kiosk.commands.run",
    "walk": "kiosk.commands.walking",
    "demo": "kiosk.demo.command",
    "doctor": "kiosk.commands.looking",
    "devices": "kiosk.commands.looking",
    "queue": "kiosk.commands.queue",
    "catalogue": "kiosk.commands.catalogue",
    "journeys": "kiosk.commands.catalogue",
    "sim": "kiosk.commands.sim",
    "enrol": "kiosk.commands.enrolment",
    "seal": "kiosk.commands.enrolment",
    "staff": "kiosk.commands.staff",
    "stock": "kiosk.commands.stock",
    "locker": "kiosk.commands.locker",
    "audit": "kiosk.commands.looking",
}
_OF_THE_BENCH = ("demo", "sim")


class _Lazy(OneLineGroup):
    """Loads a command's module when it is asked for: ``kiosk doctor`` need not import the screen or the camera."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(name for name in _COMMANDS if name not in _OF_THE_BENCH or _has_bench())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = _COMMANDS.get(cmd_name)
        if cmd_name in _OF_THE_BENCH and not _has_bench():
            raise click.ClickException(f"kiosk {cmd_name} is not on a production machine; tongban-bench brings it")
        return getattr(importlib.import_module(module), cmd_name) if module else None


def _has_bench() -> bool:
    return importlib.util.find_spec("kiosk.demo") is not None


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", metavar="PATH", help="kiosk.toml; else TONGBAN_CONFIG, else /etc/tongban/kiosk.toml.")
@click.pass_context
def main(ctx: click.Context, config: str | None) -> None:
    """Tongban 通办: one self-service machine for three police lines."""
    take_any_terminal()
    logs.to_stderr()
    ctx.obj = config
