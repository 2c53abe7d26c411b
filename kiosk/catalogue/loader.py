"""Reads a catalogue folder: ``catalogue.toml`` (version, phones) and ``<line>/<key>.toml``, with a signed manifest."""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path

import msgspec

from kiosk.catalogue.model import Catalogue, Service
from kiosk.toml_file import TomlTrouble, read_toml

MANIFEST = "manifest.json"


class CatalogueError(Exception):
    """The catalogue cannot be used; one line that names the file, the key and the fix."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was signed: the version and the SHA-256 of every file, by relative path."""

    version: str
    files: dict[str, str]
    signature: str


def shipped() -> Path:
    """The catalogue that comes with the program."""
    return Path(str(resources.files("kiosk"))) / "catalogue" / "data"


def load(folder: Path | None = None) -> Catalogue:
    """The catalogue in ``folder`` (the shipped one by default). Raises CatalogueError."""
    folder = folder or shipped()
    head = _toml(folder / "catalogue.toml")
    services = {}
    for path in sorted(folder.glob("*/*.toml")):
        service = _service(path)
        if service.line != path.parent.name or service.key != path.stem:
            raise CatalogueError(f"{path}: key and line must match the file's place ({path.parent.name}/{path.stem})")
        services[service.key] = service
    try:
        return msgspec.convert({**head, "services": services}, Catalogue)
    except msgspec.ValidationError as error:
        raise CatalogueError(f"{folder / 'catalogue.toml'}: {error}") from error


def _service(path: Path) -> Service:
    try:
        return msgspec.convert(_toml(path), Service)
    except msgspec.ValidationError as error:
        raise CatalogueError(f"{path}: {error}") from error


def _toml(path: Path) -> dict:
    try:
        return read_toml(path)
    except TomlTrouble as error:
        raise CatalogueError(str(error)) from error


def file_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every catalogue file by relative path, as a manifest lists them."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.toml"))
    }
