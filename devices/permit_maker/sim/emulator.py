"""A writer of permit cards: numbered blanks and a journal; a card dispenser beside it moves them."""

from __future__ import annotations

from typing import Any

from devices.simulation import SimServer
from devices.simulation_maker import started_maker


def started(argv: list[str]) -> tuple[SimServer, dict[str, Any]]:
    """The machine at work, its control socket, and what its ready line says besides."""
    return started_maker("permit_maker", __doc__, argv, "PC", needs_document=False, carries=False)


def main(argv: list[str]) -> int:
    """Run until SIGTERM; prints one JSON line when ready."""
    server, where = started(argv)
    return server.run("permit_maker", **where)
