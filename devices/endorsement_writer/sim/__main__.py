"""``python -m devices.endorsement_writer.sim``."""

from __future__ import annotations

import sys

from devices.endorsement_writer.sim.emulator import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
