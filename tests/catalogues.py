"""Catalogue folders for tests: copies of the shipped one, changed and signed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from kiosk.catalogue import loader
from kiosk.catalogue.overlay import OVERLAY
from kiosk.catalogue.signing import sign_folder

ROOT = Path(__file__).resolve().parents[1]
PLAIN = ROOT / "tests" / "kiosk" / "catalogue" / "plain"
"""A catalogue without parts that stays as it is, whatever becomes of the one that is shipped."""
PAGE = (ROOT / "docs" / "adding-a-service.md").read_text("utf-8")


def example() -> str:
    """The file that docs/adding-a-service.md writes: ``traffic/T90.toml``."""
    (found,) = re.findall(r"```toml\n(key = \"T90\"\n.*?)```", PAGE, flags=re.DOTALL)
    return found


def copied(folder: Path, version: str = "2027.02", **files: str) -> Path:
    """A copy of the shipped catalogue of another version; ``files`` (``traffic__T90=…``) are written besides."""
    shutil.copytree(loader.shipped(), folder)
    write(folder / loader.HEAD, (folder / loader.HEAD).read_text("utf-8").replace('"2027.01"', f'"{version}"'))
    for name, text in files.items():
        write(folder / f"{name.replace('__', '/')}.toml", text)
    return folder


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(0o644)


def signed(folder: Path, private_key: str, instead_of: str = "") -> Path:
    """The same, signed as it is now."""
    sign_folder(folder, private_key, instead_of=instead_of)
    return folder


def city(folder: Path, version: str = "3", base: str = "2027.01", **files: str) -> Path:
    """A city's overlay; ``files`` as in ``copied``."""
    folder.mkdir()
    write(folder / OVERLAY, f'version = "{version}"\nfor = "{base}"\n')
    for name, text in files.items():
        write(folder / f"{name.replace('__', '/')}.toml", text)
    return folder
