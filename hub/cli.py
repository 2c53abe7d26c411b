"""The ``hub`` command. What a command needs is imported when it is called."""

from __future__ import annotations

import faulthandler
import importlib
import importlib.util
import logging
import sys

import click
import structlog

from hub.one_line import OneLineGroup
from kiosk.logs import libraries_reduced
from kiosk.messages.terminal import take_any_terminal

DEMO = "demo"
_MODULES = {
    "catalogue": "hub.catalogue_commands",
    "code": "hub.machine_commands",
    DEMO: "hub.demo_command",
    "department": "hub.department_commands",
    "files": "hub.serving_commands",
    "gaps": "hub.gap_commands",
    "keys": "hub.key_commands",
    "limits": "hub.question_commands",
    "locker": "hub.locker_commands",
    "machine": "hub.machine_commands",
    "payments": "hub.payment_commands",
    "places": "hub.place_commands",
    "post": "hub.delivery_commands",
    "questions": "hub.question_commands",
    "restore": "hub.serving_commands",
    "serve": "hub.serving_commands",
    "slots": "hub.slots.command",
}
"""Where each command stands, under its own name."""


class _ByName(OneLineGroup):
    """``hub demo`` is there where tongban-bench is."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in _MODULES if name != DEMO or _has_demo()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _MODULES:
            return None
        if cmd_name == DEMO and not _has_demo():
            raise click.ClickException("hub demo is not on a hub at work; tongban-bench brings it")
        return getattr(importlib.import_module(_MODULES[cmd_name]), cmd_name)


def _has_demo() -> bool:
    return importlib.util.find_spec(_MODULES[DEMO]) is not None


@click.group(cls=_ByName)
def main() -> None:
    """Run the city side: the inbox of all machines and the way to the departments."""
    take_any_terminal()
    if sys.__stderr__ is not None:
        faulthandler.enable(sys.__stderr__)
    structlog.configure(
        # What strangers' requests end with is for who looks for a fault: it would fill the log for them.
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    libraries_reduced(logging.ERROR)


if __name__ == "__main__":
    main()
