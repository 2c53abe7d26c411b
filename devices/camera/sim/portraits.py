"""Write the card photos of the people file beside it: ``python -m devices.camera.sim.portraits PEOPLE.toml``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from devices.camera.sim.people import card_photo, faces_of


def write_portraits(people_file: Path) -> int:
    """Write ``<id>.webp`` for every person with a face; returns how many."""
    faces = faces_of(people_file)
    for person, spec in faces.items():
        people_file.with_name(f"{person}.webp").write_bytes(card_photo(spec))
    return len(faces)


def main(argv: list[str] | None = None) -> int:
    """Exit 0 when the photos are written."""
    parser = argparse.ArgumentParser(prog="python -m devices.camera.sim.portraits", description=__doc__)
    parser.add_argument("people", type=Path, help="the people file")
    sys.stdout.write(f"{write_portraits(parser.parse_args(argv).people)} photos\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
