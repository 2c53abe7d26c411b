"""What the commands share: the configuration, one-line failures, tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from typing import Any, NoReturn

import click
import structlog
from rich.console import Console
from rich.table import Table

from kiosk import config as configuration
from kiosk.catalogue.loader import CatalogueError
from kiosk.config import Config, ConfigError
from kiosk.logs import place_of
from kiosk.messages.foreign import LINE_CHARACTERS, Refused, printable, shown
from kiosk.messages.terminal import what_is_no_text
from kiosk.status_socket import NoAnswer
from offline_cache.errors import StoreBusy, StoreDamaged, StoreError

log = structlog.get_logger()
_CELL, _GAP = 8, 3


def failed(reason: str) -> NoReturn:
    """Exit 1 with one line: why, and what to do."""
    click.echo(f"kiosk: {shown(' '.join(reason.split()), LINE_CHARACTERS)}", err=True)
    sys.exit(1)


def loaded(option: str | None) -> Config:
    """The checked configuration, or exit 1 with the line that names the key."""
    try:
        return configuration.load(configuration.find_path(option))
    except ConfigError as error:
        failed(str(error))


class OneLineGroup(click.Group):
    """A group of commands whose every failure is one line, also the ones that nobody foresaw."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Everything behind the command's name; what is no text would be a surprise to whoever stores or sends it."""
        if fault := what_is_no_text(args, os.environ):
            failed(fault)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """The boundary of a command: what reaches it ends the command, and is told without a traceback."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            # Not on standard error, which holds the one line: this is for the log of a running machine.
            log.info("command_failed", error=type(error).__name__, where=place_of(error))
            failed(why(error))


def why(error: BaseException) -> str:
    """The one line for an error that ends a command: why, and what to do."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, StoreBusy):
        return f"the store cannot be opened: {error}; stop the machine first"
    if isinstance(error, StoreDamaged):
        return f"{error}; it was left as it is: keep a copy of it, then take what can be read with kiosk queue export"
    if isinstance(error, StoreError):
        return f"the store cannot be opened: {error}"
    if isinstance(error, (ConfigError, CatalogueError, NoAnswer, Refused)):
        return str(error)
    if isinstance(error, OSError):
        what = f"{error.filename}: " if error.filename else ""
        return f"{what}{error.strerror or error}; check that it is there and that this user may use it"
    # Its message is not shown: it may quote what a person typed.
    what = f"{type(error).__name__} at {place_of(error)}"
    return f"a fault in the program itself ({what}); nothing more was done, please report this line"


def say(*lines: str, err: bool = False) -> None:
    """To people. A catalogue, a file or a hub may have had a word in a line: it makes no other and moves no cursor."""
    click.echo("\n".join(map(printable, lines)), err=err)


def put_out(text: str) -> None:
    """What programs read, as it is; people at a terminal see it as they see all that is said."""
    if sys.stdout.isatty():
        say(*text.splitlines())
    else:
        click.echo(text, nl=False)


def print_table(title: str, columns: list[str], rows: list[list[Any]], *, whole: Collection[str] = ()) -> None:
    """A table for people. The values of ``whole`` columns are never broken, and off a terminal no value is cut."""
    title, columns = printable(title), [*map(printable, columns)]
    cells = [["" if cell is None else printable(" ".join(str(cell).split())) for cell in row] for row in rows]
    console = Console(markup=False, emoji=False)
    if not console.is_terminal:
        _print_plain(title, columns, cells)
    elif _room_for(columns, cells, whole) <= console.width:
        table = Table(title=title)
        for column in columns:
            table.add_column(column, no_wrap=column in whole)
        for row in cells:
            table.add_row(*row)
        console.print(table)
    else:
        _print_records(title, columns, cells)


def _room_for(columns: list[str], cells: list[list[str]], whole: Collection[str]) -> int:
    """The narrowest terminal in which the whole columns stay whole and the others can be read."""
    room = 1
    for number, column in enumerate(columns):
        longest = max(len(text) for text in (column, *(row[number] for row in cells)))
        room += _GAP + (longest if column in whole else min(longest, _CELL))
    return room


def _print_plain(title: str, columns: list[str], cells: list[list[str]]) -> None:
    widths = [max(len(text) for text in column) for column in zip(columns, *cells, strict=True)]
    click.echo(title)
    for row in (columns, *cells) if any(columns) else cells:
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _print_records(title: str, columns: list[str], cells: list[list[str]]) -> None:
    click.echo(title)
    for row in cells:
        click.echo()
        for column, text in zip(columns, row, strict=True):
            click.echo(f"{column}: {text}")
