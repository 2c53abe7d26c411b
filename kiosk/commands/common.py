"""What the commands share: the configuration, one-line failures, tables."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import click
from rich.console import Console
from rich.table import Table

from kiosk import config as configuration
from kiosk.config import Config, ConfigError


def failed(reason: str) -> NoReturn:
    """Exit 1 with one line: why, and what to do."""
    click.echo(f"kiosk: {reason}", err=True)
    sys.exit(1)


def loaded(option: str | None) -> Config:
    """The checked configuration, or exit 1 with the line that names the key."""
    try:
        return configuration.load(configuration.find_path(option))
    except ConfigError as error:
        failed(str(error))


def print_table(title: str, columns: list[str], rows: list[list[Any]]) -> None:
    """A table for people."""
    table = Table(title=title)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    Console().print(table)
