"""``python -m devices.lock_board.sim``."""

from __future__ import annotations

import sys

from devices.lock_board.sim.emulator import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
