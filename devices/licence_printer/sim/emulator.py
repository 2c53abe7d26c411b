"""A licence printer: blanks with numbers, a mouth for the old licence, a slot for the new one."""

from __future__ import annotations

from typing import Any

from devices.simulation import SimServer
from devices.simulation_maker import started_maker


def started(argv: list[str]) -> tuple[SimServer, dict[str, Any]]:
    """The machine at work, its control socket, and what its ready line says besides."""
    return started_maker("licence_printer", __doc__, argv, "JZ", needs_document=False)


def main(argv: list[str]) -> int:
    """Run until SIGTERM; prints one JSON line when ready."""
    server, where = started(argv)
    return server.run("licence_printer", **where)
