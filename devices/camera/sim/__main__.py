"""``python -m devices.camera.sim``."""

from __future__ import annotations

import sys

from devices.camera.sim.emulator import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
