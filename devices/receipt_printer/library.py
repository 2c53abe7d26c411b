"""What is used of python-escpos, imported so that it leaves nothing behind.

Its table of printers makes a folder among the temporary files at every import, even where its own setting names
another, and puts 70 KB there.
"""

from __future__ import annotations

import tempfile

with tempfile.TemporaryDirectory(prefix="tongban-escpos-") as _folder:
    _before, tempfile.tempdir = tempfile.tempdir, _folder
    try:
        from escpos.exceptions import Error as EscposError
        from escpos.image import EscposImage
        from escpos.printer import Dummy
    finally:
        tempfile.tempdir = _before

__all__ = ["Dummy", "EscposError", "EscposImage"]
