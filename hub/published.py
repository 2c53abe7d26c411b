"""The catalogue by which this hub judges: the one that was published last, else the one that came with the program.

Every version that was ever published stays in the database, for cases that were filed by it; processes look again every
few seconds, and read it anew when a new day begins.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from hub import events
from hub.departments import departments
from hub.fleet import CannotBe
from kiosk.catalogue.check import require_clean
from kiosk.catalogue.kinds import any_kind
from kiosk.catalogue.loader import MANIFEST, CatalogueError, days_of_change, parse, read_folder, shipped, version_of
from kiosk.catalogue.model import Catalogue
from kiosk.catalogue.overlay import holds_overlay
from kiosk.catalogue.signing import Signed, is_older, read_signed
from kiosk.clock import local

_NEWEST = "select id, files, instead_of from published_catalogue order by id desc limit 1"
_NAMED = "select id, files, instead_of from published_catalogue where version = %s order by id desc limit 1"
_MOST_KEPT = 8
_MOST_TOLD = 20
_FOLDER = Path("published catalogue")
_log = structlog.get_logger()


class Published(NamedTuple):
    """A catalogue and its files. ``number`` counts what was published; 0 came with the program.

    ``instead_of``: the newer version whose place it takes, "" when it is none that the city went back to.
    """

    number: int
    catalogue: Catalogue
    files: Mapping[str, bytes]
    instead_of: str = ""


class InForce:
    """What is in force in this process, as it is on ``day``."""

    def __init__(self, now: Published, day: date) -> None:
        self.now, self._day = now, day
        self._versions: dict[str, _Version] = {}
        self._missed: set[tuple[str, str]] = set()

    def misses(self, service: str, version: str) -> None:
        """A machine's newer catalogue has this service: told once, and of many invented ones a few only."""
        if (service, version) not in self._missed and len(self._missed) < _MOST_TOLD:
            self._missed.add((service, version))
            _log.warning("service_not_known_yet", service=service, version=version)

    async def look(self, conn: AsyncConnection, today: date) -> bool:
        """Takes what was published since, and a new day; one that cannot be used is named, the one in force stays.

        Whether something else is in force now.
        """
        rows = await conn.execute(_NEWEST)
        row = await rows.fetchone()
        is_another = (row[0] if row else 0) != self.now.number
        if not is_another and today == self._day:
            return False
        try:
            self.now = await (asyncio.to_thread(_newest, row, today) if is_another else self._on(today))
            self._day = today
            # What was not known before may be now.
            self._missed.clear()
            self._versions.clear()
            _log.info(
                "catalogue_in_force", version=self.now.catalogue.version, published=self.now.number, day=f"{today}"
            )
        except CatalogueError as error:
            _log.error("catalogue_unusable", published=row[0] if row else 0, error=str(error))
            return False
        return True

    async def _on(self, day: date) -> Published:
        folder = _FOLDER if self.now.number else shipped()
        return self.now._replace(catalogue=await asyncio.to_thread(parse, folder, self.now.files, any_kind, day))

    async def of_case(self, conn: AsyncConnection, version: str, day: date) -> Catalogue:
        """The catalogue by which a case was filed: of the version that it names, on its day; else the present one."""
        if (version, day) == (self.now.catalogue.version, self._day):
            return self.now.catalogue
        known = self._versions[version] if version in self._versions else await self._named(conn, version)
        found = await asyncio.to_thread(known.on, day) if known else None
        return found or self.now.catalogue

    async def _named(self, conn: AsyncConnection, version: str) -> _Version | None:
        """The files of a version, kept where it was ever published: a machine can invent any other."""
        if version == self.now.catalogue.version:
            files: Mapping[str, bytes] | None = self.now.files
        else:
            rows = await conn.execute(_NAMED, [version])
            row = await rows.fetchone()
            files = _bytes(row[1]) if row else await asyncio.to_thread(_shipped_as, version)
        if files is None:
            return None
        if len(self._versions) >= _MOST_KEPT:
            self._versions.clear()
        self._versions[version] = known = await asyncio.to_thread(_Version, version, files)
        return known


class _Version:
    """A version's catalogue, read once for all the days on which it is the same: a machine says of which day it is."""

    def __init__(self, version: str, files: Mapping[str, bytes]) -> None:
        self._version, self._files, self._changes = version, files, days_of_change(files)
        self._read: dict[int, Catalogue | None] = {}

    def on(self, day: date) -> Catalogue | None:
        """As it was on a day; None where it cannot be used."""
        span = bisect_right(self._changes, day)
        if span not in self._read:
            try:
                self._read[span] = parse(_FOLDER, self._files, any_kind, day)
            except CatalogueError as error:
                _log.error("catalogue_unusable", version=self._version, error=str(error))
                self._read[span] = None
        return self._read[span]


def at_start(dsn: str, today: date) -> InForce:
    """What is in force now. Raises CatalogueError in one line for one with mistakes."""
    with psycopg.connect(dsn) as conn:
        row = conn.execute(_NEWEST).fetchone()
    return InForce(_newest(row, today), today)


def _bytes(texts: Mapping[str, str]) -> dict[str, bytes]:
    return {name: text.encode() for name, text in texts.items()}


def _shipped_as(version: str) -> Mapping[str, bytes] | None:
    """The files that came with the program where they are of this version."""
    files = read_folder(shipped())
    return files if version_of(files) == version else None


def _newest(row: Sequence[Any] | None, today: date) -> Published:
    if row is None:
        return _shipped(today)
    number, texts, instead_of = row
    return _judged_catalogue(number, _FOLDER, _bytes(texts), today, instead_of)


def _shipped(today: date) -> Published:
    return _judged_catalogue(0, shipped(), read_folder(shipped()), today)


def _judged_catalogue(
    number: int, folder: Path, files: Mapping[str, bytes], today: date, instead_of: str = ""
) -> Published:
    require_clean(folder, files, any_kind, today)
    return Published(number, parse(folder, files, any_kind, today), files, instead_of)


async def publish(
    conn: AsyncConnection,
    folder: Path,
    verify_keys: Mapping[str, Sequence[str]],
    at: datetime,
    by: str,
    base: Path | None = None,
) -> str:
    """Puts a signed folder into force for machines and departments; its version. Raises CatalogueError, CannotBe.

    ``verify_keys``: the hub's public keys by suite: any of them may have signed it. The same catalogue again changes
    nothing; an older one is taken when it was signed to take the place of the present one. Of a city's overlay, what it
    makes of ``base`` (the catalogue that came with the program) comes into force, and is kept as one.
    """
    today = local(at).date()
    if holds_overlay(folder):
        fresh = read_signed(base or shipped(), verify_keys, any_kind, today, overlay=folder)
    else:
        fresh = read_signed(folder, verify_keys, any_kind, today)
    if unknown := next(_asks_too_much(fresh.catalogue), ""):
        raise CannotBe(f"{folder}: {unknown}")
    await conn.execute("lock table published_catalogue in exclusive mode")
    rows = await conn.execute(_NEWEST)
    row = await rows.fetchone()
    present = _newest(row, today)
    version, texts = fresh.catalogue.version, _texts(fresh.files)
    if row and texts == _texts(present.files):
        return version
    if fault := _no_successor(folder, fresh, present.catalogue.version):
        raise CannotBe(fault)
    await conn.execute(
        "insert into published_catalogue (version, files, instead_of, published_at, published_by) "
        "values (%s, %s, %s, %s, %s)",
        [version, Jsonb(texts), fresh.instead_of, at, by],
    )
    said = {"version": version, "before": present.catalogue.version}
    await events.record(conn, at, actor=f"supervisor:{by}", kind="catalogue_published", **said)
    return version


def _no_successor(folder: Path, fresh: Signed, present: str) -> str:
    """Why it cannot follow the version that is in force, "" when it can."""
    version = fresh.catalogue.version
    if version == present:
        return f"{folder}: another catalogue of version {version} is in force; count up the version and sign it"
    if is_older(version, present) and fresh.instead_of != present:
        back = f"kiosk catalogue sign {folder} --instead-of {present}"
        return f"{folder}: version {version} is older than {present}, which is in force; to go back, sign it so: {back}"
    return ""


def _texts(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: raw.decode() for name, raw in files.items() if name != MANIFEST}


def _asks_too_much(catalogue: Catalogue) -> Iterator[str]:
    """What services ask of departments that this hub's own cannot do, whatever the catalogue says of them."""
    for service in catalogue.services.values():
        place = f"{service.line}/{service.key}.toml"
        department = departments().get(service.department)
        if service.department and department is None:
            yield f"{place}: this hub has no department {service.department}; install it first"
        elif department and service.effect and service.effect not in department.effects:
            has = ", ".join(department.effects) or "none"
            yield f"{place}: effect: {service.department} on this hub has {has}, not {service.effect}; install it first"


async def history(conn: AsyncConnection) -> list[dict[str, Any]]:
    """What was published, newest first."""
    rows = await conn.execute(
        "select id, version, published_at, published_by from published_catalogue order by id desc"
    )
    return [dict(zip(("number", "version", "at", "by"), row, strict=True)) for row in await rows.fetchall()]
