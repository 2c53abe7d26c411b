"""``python -m devices.permit_maker.sim``."""

from __future__ import annotations

import sys

from devices.permit_maker.sim.emulator import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
