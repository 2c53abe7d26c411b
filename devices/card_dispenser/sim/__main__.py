"""``python -m devices.card_dispenser.sim``."""

from __future__ import annotations

import sys

from devices.card_dispenser.sim.emulator import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
