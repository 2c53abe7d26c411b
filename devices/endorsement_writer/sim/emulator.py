"""A endorsement writer: draws a permit in, writes a numbered endorsement, gives it back."""

from __future__ import annotations

from typing import Any

from devices.simulation import SimServer
from devices.simulation_maker import started_maker


def started(argv: list[str]) -> tuple[SimServer, dict[str, Any]]:
    """The machine at work, its control socket, and what its ready line says besides."""
    return started_maker("endorsement_writer", __doc__, argv, "QZ", needs_document=True)


def main(argv: list[str]) -> int:
    """Run until SIGTERM; prints one JSON line when ready."""
    server, where = started(argv)
    return server.run("endorsement_writer", **where)
