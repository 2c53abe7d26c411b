"""``hub places``: the halls of the city, by which machines tell where else a service can be done."""

from __future__ import annotations

import tomllib
from pathlib import Path

import click
import msgspec
from psycopg import AsyncConnection

from hub import places as book
from hub.machine_commands import BY, DSN, TODAY, at_database
from kiosk import shapes
from kiosk.clock import Clock
from kiosk.messages.ours import read_ours
from kiosk.messages.text_file import NotText, text_of

_FILE_BYTES = 4 * 1024 * 1024


@click.command()
@DSN
@BY
@click.argument("file", required=False, type=click.Path(path_type=Path))
@TODAY
def places(dsn: str, by: str, file: Path | None, clock: Clock) -> None:
    """Show the halls, or take those of FILE in their place."""
    wanted = _read_halls(file) if file else None

    async def look(conn: AsyncConnection) -> list[book.Hall]:
        if wanted is not None:
            await book.set_halls(conn, wanted, clock.now(), by)
        return await book.halls(conn)

    click.echo(msgspec.json.format(msgspec.json.encode(at_database(dsn, look))).decode())


def _read_halls(file: Path) -> book.Halls:
    try:
        return shapes.convert(tomllib.loads(text_of(file, read_ours(file, _FILE_BYTES))), book.Halls)
    except NotText as error:
        raise click.ClickException(str(error)) from error
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{file}: {error}; each hall is a [[place]] with name = {{ zh, en }}") from error
