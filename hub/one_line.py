"""Every failure of a ``hub`` command is one line: why, and what to do."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any, NoReturn

import click
import psycopg
import psycopg.conninfo
import structlog
from click.core import ParameterSource

from hub.department import WrongDepartment
from kiosk.messages.foreign import LINE_CHARACTERS, shown
from kiosk.messages.terminal import what_is_no_text

log = structlog.get_logger()


class OneLineGroup(click.Group):
    """A group of commands that end with one line on standard error, also by a failure that nobody foresaw."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Everything behind the command's name; what is no text would be a surprise to whoever stores or sends it."""
        if fault := what_is_no_text(args, os.environ):
            failed(fault)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """The boundary of a command: what reaches it ends the command, and is told without a traceback."""
        try:
            return super().invoke(ctx)
        except (click.UsageError, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except click.ClickException as error:
            failed(error.format_message())
        except Exception as error:
            log.info("command_failed", error=type(error).__name__)
            failed(why(error))


DSN_HELP = "PostgreSQL connection string, without a password: that belongs into TONGBAN_HUB_DSN or PGPASSFILE."


def no_password(ctx: click.Context, param: click.Parameter, dsn: str | None) -> str | None:
    """Refuses a connection string whose password every user of the computer could read in the list of processes."""
    said_how = ctx.get_parameter_source(param.name or "")
    if dsn and said_how is ParameterSource.COMMANDLINE and _has_password(dsn):
        raise click.UsageError("--dsn holds a password, which every user can read; put it into TONGBAN_HUB_DSN")
    return dsn


def _has_password(dsn: str) -> bool:
    try:
        return "password" in psycopg.conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return "password" in dsn


def failed(reason: str) -> NoReturn:
    """Exit 1 with one line."""
    click.echo(f"hub: {shown(' '.join(reason.split()), LINE_CHARACTERS)}", err=True)
    sys.exit(1)


def why(error: BaseException) -> str:
    """The one line for an error that ends a command."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, WrongDepartment):
        return str(error)
    if isinstance(error, psycopg.Error):
        return f"the database: {error}; check --dsn and that PostgreSQL runs"
    if isinstance(error, OSError):
        what = f"{error.filename}: " if error.filename else ""
        return f"{what}{error.strerror or error}; check that it is there and that this user may use it"
    # Its message is not shown: it may quote what a person filed.
    place = traceback.extract_tb(error.__traceback__)[-1]
    what = f"{type(error).__name__} at {place.filename.rpartition('/')[2]}:{place.lineno}"
    return f"a fault in the program itself ({what}); nothing more was done, please report this line"
