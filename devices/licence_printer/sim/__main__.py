"""``python -m devices.licence_printer.sim``."""

from __future__ import annotations

import sys

from devices.licence_printer.sim.emulator import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
