"""``kiosk catalogue`` and ``kiosk journeys``: what the machine offers, read from its data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
import msgspec

from kiosk.catalogue import export as exported
from kiosk.catalogue import loader
from kiosk.catalogue.check import faults
from kiosk.catalogue.compare import differences
from kiosk.catalogue.finding import Fault
from kiosk.catalogue.loader import CatalogueError
from kiosk.catalogue.model import Catalogue
from kiosk.catalogue.overlay import clean_files, holds_overlay, is_overlay, overlaid
from kiosk.commands.common import failed, print_table, put_out, say
from kiosk.journey.table import HEAD, row
from kiosk.messages import foreign
from kiosk.messages.ours import read_ours
from kiosk.messages.suites import DEFAULT, SUITES
from kiosk.planning.plan import Effort
from kiosk.planning.toil import Toil, toil

_KEY_BYTES = 4096


@click.group()
def catalogue() -> None:
    """Services as data."""


_FOLDER = click.argument("folder", type=click.Path(path_type=Path), required=False)
_BASE = click.option(
    "--base",
    type=click.Path(path_type=Path),
    help="Of a city's overlay: the catalogue under it (default: the shipped).",
)


@catalogue.command()
@_FOLDER
@_BASE
def check(folder: Path | None, base: Path | None) -> None:
    """Name every mistake of FOLDER (the shipped catalogue by default) with its file, line, field and fix.

    Of a city's overlay: of what it makes of the catalogue under it.
    """
    folder = folder or loader.shipped()
    files, wrong = _files_and_faults(folder, base)
    if wrong:
        say(*map(str, wrong))
        failed(f"{folder}: {len(wrong)} to mend; then check again")
    found = loader.parse(folder, files)
    say(f"catalogue {found.version}: {len(found.services)} services, all well")


@catalogue.command(name="list")
@_FOLDER
@_BASE
def list_(folder: Path | None, base: Path | None) -> None:
    """Every service with its line and offline class."""
    found = _loaded(folder, base)
    rows = [[s.key, s.line, s.name.zh, s.name.en, s.offline, len(s.checks)] for s in found.services.values()]
    print_table(f"catalogue {found.version}", ["key", "line", "name", "in English", "offline", "checks"], rows)


@catalogue.command()
@_FOLDER
@_BASE
@click.option("--json", "as_json", is_flag=True, help="The whole catalogue as one JSON object, to standard output.")
@click.option("--to", "target", type=click.Path(path_type=Path), help="Folder for the list (CSV) and the guides (PDF).")
@click.option("--only", multiple=True, metavar="KEY", help="Guides of these services only.")
def export(
    folder: Path | None, base: Path | None, target: Path | None, only: tuple[str, ...], *, as_json: bool
) -> None:
    """Write the list of services as CSV, and with --to a guide of each as PDF besides.

    Without an option the CSV goes to standard output. One version gives the same bytes everywhere.
    """
    found = _loaded(folder, base)
    if as_json:
        put_out(f"{msgspec.json.encode(found).decode()}\n")
        return
    listed = exported.as_csv(found)
    if target is None:
        put_out(listed)
        return
    if unknown := [key for key in only if key not in found.services]:
        failed(f"no service {unknown[0]}; kiosk catalogue list shows those there are")
    try:
        target.mkdir(parents=True, exist_ok=True)
        # Spreadsheets take a file without a mark for the old code page.
        own = exported.head().encode("utf-8-sig")
        foreign.write(target / "services.csv", [listed.encode("utf-8-sig")], mode=0o644, own=own)
        for service in exported.in_order(found):
            if not only or service.key in only:
                pdf = exported.as_pdf(service, found)
                foreign.write(target / f"{service.key}.pdf", [pdf], mode=0o644, own=b"%PDF-")
    except (OSError, foreign.Refused) as error:
        failed(f"{target}: {getattr(error, 'strerror', None) or error}")
    say(f"catalogue {found.version}: services.csv and {len(only) or len(found.services)} guides in {target}")


@catalogue.command()
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path), required=False)
@_BASE
def diff(before: Path, after: Path | None, base: Path | None) -> None:
    """What differs between two catalogues (AFTER: the shipped one by default), service by service.

    Either may be a city's overlay.
    """
    old, new = _loaded(before, base), _loaded(after, base)
    lines = list(differences(old, new))
    say(*(lines or ["no difference"]))


@catalogue.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--key",
    "key_file",
    type=click.Path(path_type=Path),
    required=True,
    help="File with the Ed25519 signing key (base64url).",
)
@click.option("--suite", type=click.Choice(list(SUITES)), default=DEFAULT, show_default=True, help="Of the machines.")
@click.option("--instead-of", default="", metavar="VERSION", help="Going back: machines give up this newer version.")
@_BASE
def sign(folder: Path, key_file: Path, instead_of: str, suite: str, base: Path | None) -> None:
    """Write FOLDER/manifest.json: version, digest of every file, signature.

    A city's overlay is signed by itself, and only when it fits the catalogue under it.
    """
    from kiosk.catalogue.signing import sign_folder

    key = read_ours(key_file, _KEY_BYTES).decode("ascii", "replace").strip()
    try:
        sign_folder(folder, key, suite, instead_of=instead_of, base=base)
    except CatalogueError as error:
        failed(str(error))
    except ValueError:
        failed(f"{key_file}: not an Ed25519 signing key in base64url; name the file that holds the city's key")
    say(f"signed {folder / loader.MANIFEST}")


@click.command()
@click.option("--table", is_flag=True, default=True, help="A table of services and steps (the default).")
def journeys(table: bool) -> None:
    """Every service step by step, with where each edge leads."""
    del table
    found = _loaded(None)
    print_table(
        "what a person does at most", ["key", "name", *Effort._fields], [_toil_row(each) for each in toil(found)]
    )
    for service in found.services.values():
        print_table(f"{service.key} {service.name.zh}", list(HEAD), [list(row(service, s)) for s in service.steps])


def _toil_row(row: Toil) -> list[object]:
    return [row.key, row.name.zh, *row.effort]


def _loaded(folder: Path | None, base: Path | None = None) -> Catalogue:
    folder = folder or loader.shipped()
    try:
        if not holds_overlay(folder):
            return loader.load(folder)
        return loader.parse(folder, clean_files(folder, loader.read_folder(folder), base))
    except CatalogueError as error:
        failed(str(error))


def _files_and_faults(folder: Path, base: Path | None) -> tuple[Mapping[str, bytes], list[Fault]]:
    """The files of a catalogue, or of an overlay and what is under it, and every mistake of theirs."""
    try:
        files = loader.read_folder(folder)
        if not is_overlay(files):
            return files, faults(files)
        base = base or loader.shipped()
        both = overlaid(base, loader.read_folder(base), folder, files)
    except CatalogueError as error:
        failed(str(error))
    return both.files, both.faults or faults(both.files, origins=both.origins)
