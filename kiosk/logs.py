"""Logging: structlog as JSON lines into the log folder. Fields are ids and codes, never what a person is or typed."""

from __future__ import annotations

import logging
import logging.handlers
from pathlib import Path

import structlog

_SIZE, _KEPT = 5 * 2**20, 5


def to_stderr() -> None:
    """Warnings and errors only, to standard error: what a command prints must stay its own."""
    _configure(logging.StreamHandler(), logging.WARNING)


def to_folder(folder: str) -> None:
    """Write log lines to ``folder``/kiosk.log, rotated; without a folder, to standard error.

    Raises OSError that names the key of the configuration.
    """
    if folder:
        handler: logging.Handler = _file_handler(Path(folder))
    else:
        handler = logging.StreamHandler()
    _configure(handler, logging.INFO)


def _file_handler(folder: Path) -> logging.Handler:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return logging.handlers.RotatingFileHandler(
            folder / "kiosk.log", maxBytes=_SIZE, backupCount=_KEPT, encoding="utf-8"
        )
    except OSError as error:
        why = f"no log can be written there ({error.strerror or error})"
        raise OSError(error.errno, why, f"[machine] log_folder {folder}") from error


def _configure(handler: logging.Handler, level: int) -> None:
    logger = logging.getLogger("tongban")
    for before in logger.handlers:
        before.close()
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(level)
    # httpx names every address at INFO; the house's own events say what is needed.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=lambda *_: logger,
        cache_logger_on_first_use=False,
    )


def place_of(error: BaseException) -> str:
    """File and line of a surprise; never its message, which may quote what a person typed."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
