"""What is used of python-escpos, imported so that it leaves nothing behind and costs nothing.

Its table of printers makes a folder among the temporary files at every import, even where its own setting names
another, and puts 70 KB there. It reads the table as YAML, which takes more than half a second; it is JSON, and whoever
lays it ready in the form of its own store is spared that.
"""

from __future__ import annotations

import json
import os
import pickle
import platform
import tempfile
from importlib.util import find_spec
from pathlib import Path

_SETTING = "ESCPOS_CAPABILITIES_PICKLE_DIR"


def _lay_ready(folder: Path) -> None:
    spec = find_spec("escpos")
    (installed,) = (spec and spec.submodule_search_locations) or []
    table = json.loads((Path(installed) / "capabilities.json").read_text("utf-8"))
    (folder / f"{platform.python_version()}.capabilities.pickle").write_bytes(pickle.dumps(table))


with tempfile.TemporaryDirectory(prefix="tongban-escpos-") as _folder:
    _lay_ready(Path(_folder))
    _before, tempfile.tempdir = tempfile.tempdir, _folder
    _set_before = os.environ.get(_SETTING)
    os.environ[_SETTING] = _folder
    try:
        from escpos.exceptions import Error as EscposError
        from escpos.image import EscposImage
        from escpos.printer import Dummy
    finally:
        tempfile.tempdir = _before
        if _set_before is None:
            del os.environ[_SETTING]
        else:
            os.environ[_SETTING] = _set_before

__all__ = ["Dummy", "EscposError", "EscposImage"]
