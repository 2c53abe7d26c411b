"""``python -m devices.travel_document_reader.sim``."""

from __future__ import annotations

import sys

from devices.travel_document_reader.sim.emulator import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
