"""python-escpos keeps its table of printers among the temporary files, anew at every start; not here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_start_leaves_nothing_among_the_temporary_files(tmp_path: Path) -> None:
    code = "import devices.receipt_printer.driver, kiosk.machine, kiosk.vision.client"
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"TMPDIR": str(tmp_path)}, check=True, timeout=100)
    assert [path.name for path in tmp_path.rglob("*")] == []
