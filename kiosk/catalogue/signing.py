"""A catalogue folder's signature: a manifest of digests, signed by the city (CONTRACTS §6)."""

from __future__ import annotations

from pathlib import Path

import msgspec

from kiosk.catalogue.loader import MANIFEST, CatalogueError, Manifest, file_digests, load
from kiosk.messages.encoding import BadSignature, InvalidMessage, canonical_json, decode
from kiosk.messages.seal import sign, verify
from kiosk.messages.suites import DEFAULT


def sign_folder(folder: Path, private_key: str, suite: str = DEFAULT) -> None:
    """Write the manifest beside the files it lists."""
    version, files = load(folder).version, file_digests(folder)
    signature = sign(_signed_bytes(version, files), private_key, suite)
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(Manifest(version, files, signature))))


def require_signed(folder: Path, verify_key: str, suite: str = DEFAULT) -> None:
    """Refuse a folder that was not signed as it is now. Raises CatalogueError naming the first difference."""
    try:
        manifest = decode((folder / MANIFEST).read_bytes(), Manifest)
        verify(_signed_bytes(manifest.version, manifest.files), manifest.signature, verify_key, suite)
    except FileNotFoundError:
        raise CatalogueError(f"{folder}: not signed; sign it with kiosk catalogue sign") from None
    except (BadSignature, InvalidMessage) as error:
        raise CatalogueError(f"{folder / MANIFEST}: {error}; fetch the catalogue again") from error
    found = file_digests(folder)
    for name in sorted(found.keys() | manifest.files.keys()):
        if found.get(name) != manifest.files.get(name):
            raise CatalogueError(f"{folder / name}: altered since it was signed; fetch the catalogue again")


def _signed_bytes(version: str, files: dict[str, str]) -> bytes:
    return canonical_json({"version": version, "files": files})
