"""Several simulated devices in one process, each with its wire and its control socket: a demo need not start ten.

``python -m devices.simulation_bench --folder FOLDER KIND…``; the ready line has what each says when it is alone.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

from devices.simulation import SimServer

ELSEWHERE = {
    "document_camera": "devices.camera.sim.document_camera",
    "vehicle_licence_printer": "devices.licence_printer.sim.emulator",
    "plate_printer": "devices.licence_printer.sim.emulator",
}
"""Emulators that lie in another folder than that of their kind."""


def started(kind: str, folder: Path) -> tuple[SimServer, dict[str, Any]]:
    """One of them; its files lie in ``folder``."""
    emulator = importlib.import_module(ELSEWHERE.get(kind, f"devices.{kind}.sim.emulator"))
    link = ["--link", str(folder / kind)]
    own = {
        "page_printer": ["--pages", str(folder / "pages")],
        "document_camera": [],
        "vehicle_licence_printer": [*link, "--prefix", "XS"],
        "plate_printer": [*link, "--prefix", "LP"],
    }
    return emulator.started([*own.get(kind, link), "--control", str(folder / f"{kind}.control")])


def main(argv: list[str]) -> int:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser(prog="simulation_bench", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("kinds", nargs="+")
    options = parser.parse_args(argv)
    servers, ready = [], {}
    for kind in options.kinds:
        server, where = started(kind, options.folder)
        server.start()
        servers.append(server)
        ready[kind] = {"device": kind, **where, "control": str(server.control)}
    try:
        return servers[0].run("bench", devices=ready)
    finally:
        for server in servers:
            server.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
