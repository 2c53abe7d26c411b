"""A catalogue folder's signature: a manifest of digests, signed by the city (CONTRACTS §6)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import msgspec

from kiosk.catalogue.check import require_clean
from kiosk.catalogue.kinds import TypeOf, spec_type
from kiosk.catalogue.loader import (
    MANIFEST,
    CatalogueError,
    Manifest,
    digests_of,
    parse,
    read_folder,
    shipped,
    version_of,
)
from kiosk.catalogue.model import Catalogue
from kiosk.catalogue.overlay import OVERLAY, clean_files, clean_together, is_overlay
from kiosk.messages.encoding import BadSignature, InvalidMessage, canonical_json, decode
from kiosk.messages.foreign import OpenFolder
from kiosk.messages.seal import sign, verify
from kiosk.messages.suites import DEFAULT


def sign_folder(
    folder: Path, private_key: str, suite: str = DEFAULT, *, instead_of: str = "", base: Path | None = None
) -> None:
    """Write the manifest beside the files it lists. Raises CatalogueError for a catalogue with mistakes.

    ``instead_of``: the newer version that machines are to give up. ``base``: what an overlay was written for.
    """
    own = read_folder(folder)
    version = version_of(clean_files(folder, own, base))
    signed = manifest_of(_own_version(version, own), own, private_key, suite, instead_of)
    manifest = msgspec.json.format(msgspec.json.encode(signed))
    _require_manifest(folder, own)
    with OpenFolder.at(folder) as there:
        there.write(MANIFEST, [manifest], mode=0o644)


def _require_manifest(folder: Path, files: Mapping[str, bytes]) -> None:
    """What has its name already is an earlier one, which a new one may take the place of. Raises CatalogueError."""
    try:
        decode(files[MANIFEST], Manifest) if MANIFEST in files else None
    except InvalidMessage:
        raise CatalogueError(f"{folder / MANIFEST}: is no manifest of a catalogue; take it away, then sign") from None


def manifest_of(
    version: str, files: Mapping[str, bytes], private_key: str, suite: str = DEFAULT, instead_of: str = ""
) -> Manifest:
    """What says that these files are the catalogue of this version."""
    digests = digests_of(files)
    return Manifest(version, digests, sign(_signed_bytes(version, digests, instead_of), private_key, suite), instead_of)


class Signed(NamedTuple):
    """A catalogue as it was signed, with its files; ``instead_of`` as in its manifest."""

    catalogue: Catalogue
    files: Mapping[str, bytes]
    instead_of: str
    folder: Path = Path("catalogue")

    def on(self, day: date) -> Catalogue:
        """The same as it is on another day. Raises CatalogueError."""
        return parse(self.folder, self.files, day=day)


def read_signed(
    folder: Path,
    verify_keys: Mapping[str, str | Sequence[str]],
    type_of: TypeOf = spec_type,
    day: date | None = None,
    overlay: Path | None = None,
) -> Signed:
    """The catalogue of a folder, as one of these keys (public, by suite) has signed it, on ``day`` (today).

    ``type_of`` as in ``loader.load``. ``overlay``: a city's folder, signed too, whose differences are put in. What
    comes with the program needs no signature. Raises CatalogueError naming the first difference or mistake.
    """
    files = read_folder(folder, private=True)
    manifest = _as_signed(folder, files, verify_keys) if folder != shipped() else None
    if overlay is None:
        require_clean(folder, files, type_of, day)
        return _signed(folder, files, manifest, type_of, day)
    own = read_folder(overlay, private=True)
    if not is_overlay(own):
        raise CatalogueError(f"{overlay}: no {OVERLAY} in it; name the folder of a city's overlay")
    of_city = _as_signed(overlay, own, verify_keys)
    both = clean_together(folder, files, overlay, own, type_of, day)
    if of_city.version != _own_version(version_of(both), own):
        raise CatalogueError(f"{overlay / MANIFEST}: signed as version {of_city.version}; fetch the overlay again")
    instead_of = of_city.instead_of or (manifest.instead_of if manifest else "")
    return Signed(parse(overlay, both, type_of, day), both, instead_of, overlay)


def _own_version(version: str, own: Mapping[str, bytes]) -> str:
    """Of ``2027.01+3`` what a folder itself is signed as."""
    return version.rpartition("+")[2] if is_overlay(own) else version


def judged(
    folder: Path,
    files: Mapping[str, bytes],
    verify_keys: Mapping[str, str | Sequence[str]],
    type_of: TypeOf = spec_type,
    day: date | None = None,
) -> Signed:
    """The same of files with their manifest, wherever they come from; ``folder`` names them. Raises CatalogueError."""
    manifest = _as_signed(folder, files, verify_keys)
    require_clean(folder, files, type_of, day)
    return _signed(folder, files, manifest, type_of, day)


def _as_signed(folder: Path, files: Mapping[str, bytes], verify_keys: Mapping[str, str | Sequence[str]]) -> Manifest:
    """The manifest of files that are what it says. Raises CatalogueError."""
    manifest = _manifest(folder, files, verify_keys)
    found = digests_of(files)
    for name in sorted(found.keys() | manifest.files.keys()):
        if found.get(name) != manifest.files.get(name):
            raise CatalogueError(f"{folder / name}: altered since it was signed; fetch the catalogue again")
    return manifest


def _signed(
    folder: Path, files: Mapping[str, bytes], manifest: Manifest | None, type_of: TypeOf, day: date | None
) -> Signed:
    catalogue = parse(folder, files, type_of, day)
    if manifest and catalogue.version != manifest.version:
        raise CatalogueError(f"{folder / MANIFEST}: signed as version {manifest.version}; fetch the catalogue again")
    return Signed(catalogue, files, manifest.instead_of if manifest else "", folder)


def require_signed(
    folder: Path, verify_key: str | Sequence[str], suite: str = DEFAULT, *, newest: str = ""
) -> Catalogue:
    """The catalogue of a folder, as it was signed, and not older than ``newest``.

    Raises CatalogueError naming the first difference.
    """
    signed = read_signed(folder, {suite: verify_key})
    require_not_older(folder, signed, newest)
    return signed.catalogue


def require_not_older(folder: Path, signed: Signed, newest: str) -> None:
    """Refuses one older than ``newest``, which this machine has had, unless it was signed to take its place.

    Raises CatalogueError.
    """
    version = signed.catalogue.version
    if newest and signed.instead_of != newest and is_older(version, newest):
        raise CatalogueError(
            f"{folder}: version {version} is older than {newest}, which this machine has had; take the newer "
            f"one, or let the city sign this one for going back (kiosk catalogue sign --instead-of {newest})"
        )


def is_older(version: str, than: str) -> bool:
    """By the numbers and words in them, a city's after the catalogue's own: 2027.9 is older than 2027.10+1."""
    return [_parts(each) for each in version.split("+")] < [_parts(each) for each in than.split("+")]


def may_come(version: str, present: str) -> bool:
    """Whether who has ``present`` may believe that there is this newer one: numbers, the first (a year) one on at most.

    Whoever files may name any version, and words count as newer than numbers.
    """
    named, known = (_parts(each.partition("+")[0]) for each in (version, present))
    is_word = any(word for _, _, word in named + known[:1])
    return is_older(present, version) and bool(known) and not is_word and named[0][1] - known[0][1] <= 1


def _parts(version: str) -> list[tuple[int, int, str]]:
    found = re.findall(r"([0-9]{1,18})|([^\W\d_]+)", version)
    return [(0, int(digits), "") if digits else (1, 0, word) for digits, word in found]


def _manifest(folder: Path, files: Mapping[str, bytes], verify_keys: Mapping[str, str | Sequence[str]]) -> Manifest:
    if MANIFEST not in files:
        raise CatalogueError(f"{folder}: not signed; sign it with kiosk catalogue sign")
    trouble: Exception | None = None
    for suite, keys in verify_keys.items():
        try:
            manifest = decode(files[MANIFEST], Manifest)
            signed = _signed_bytes(manifest.version, manifest.files, manifest.instead_of)
            verify(signed, manifest.signature, keys, suite)
            return manifest
        except (BadSignature, InvalidMessage) as error:
            trouble = error
    raise CatalogueError(f"{folder / MANIFEST}: {trouble}; fetch the catalogue again") from trouble


def _signed_bytes(version: str, files: dict[str, str], instead_of: str) -> bytes:
    signed = {"version": version, "files": files}
    return canonical_json({**signed, "instead_of": instead_of} if instead_of else signed)
