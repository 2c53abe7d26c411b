"""A hub judges cases and asks no steps: it reads a catalogue without the code of a single step kind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import sys
from datetime import date
from hub import published
from kiosk.catalogue.check import require_clean
from kiosk.catalogue.kinds import any_kind
from kiosk.catalogue.loader import read_folder, shipped
require_clean(shipped(), read_folder(shipped()), any_kind)
found = published._shipped(date(2027, 1, 12)).catalogue.services["T01"]
print([step.kind for step in found.steps[:3]], found.has_step("file"))
print([name for name in sys.modules if name.partition(".")[0] in ("devices", "trio", "screens")])
print([name for name in sys.modules if name.startswith("kiosk.journey")])
"""


def test_the_hub_needs_no_step_kind() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["['identify', 'verify', 'wait'] True", "[]", "[]"], done.stderr
