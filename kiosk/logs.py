"""Logging: structlog as JSON lines into the log folder. Fields are ids and codes, never what a person is or typed.

What libraries have to say may quote anything: of their lines only logger, level, place and kind of error are kept, and
of what native code and the vision process write to standard error only how much it was. All of it is bounded: files by
size and number, lines by length.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import logging.handlers
import os
import sys
import threading
import traceback
from collections import Counter
from pathlib import Path

import structlog

_SIZE, _KEPT = 5 * 2**20, 5
_LINE = 8 * 1024
_PLACES = 1000
_FRAMES = 3
_HOUSE = frozenset({"kiosk", "devices", "screens", "offline_cache", "hub"})
_OWN = "tongban"
_own_stderr: int | None = None
log = structlog.get_logger()


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


def nothing_raw() -> None:
    """From here on nothing that is not ours reaches standard error as it is; ``raw_again`` ends that.

    For a process that serves persons: an error of a thread or a warning may quote them, native code writes at will.
    """
    global _own_stderr
    logging.captureWarnings(capture=True)
    sys.excepthook = lambda _kind, error, _trace: _unhandled("main", error)
    threading.excepthook = lambda args: _unhandled("thread", args.exc_value)
    sys.unraisablehook = lambda args: _unhandled("unraisable", args.exc_value)
    _own_stderr = os.dup(2)
    sys.stderr = os.fdopen(_own_stderr, "w", buffering=1, errors="backslashreplace", closefd=False)
    # Places and nothing else: there are no core dumps that could tell where native code crashed.
    faulthandler.enable(sys.stderr)
    reading, writing = os.pipe()
    os.dup2(writing, 2)
    os.close(writing)
    threading.Thread(target=_reduce, args=(reading,), name="raw lines", daemon=True).start()


def raw_again() -> None:
    """Standard error as this process was given it, for the program that takes its place."""
    if _own_stderr is not None:
        os.dup2(_own_stderr, 2)


def _unhandled(where: str, error: BaseException | None) -> None:
    log.error("unhandled", of=where, error=type(error).__name__, where=place_of(error) if error else "")


def _reduce(reading: int) -> None:
    """Our vision process's own lines go into the log; of any other line there is a note, ever more seldom."""
    foreign = Raw()
    with open(reading, "rb", buffering=0) as raw:
        pending = b""
        while chunk := raw.read(65536):
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                if not _is_own(line):
                    foreign.came(len(line))
            if len(pending) > _LINE:
                foreign.came(len(pending))
                pending = b""


def _is_own(line: bytes) -> bool:
    """Passes a line of the vision process on."""
    if not line.startswith(b'{"') or len(line) > _LINE:
        return False
    try:
        text = line.decode()
        said = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if not {"event", "level", "timestamp"} <= said.keys():
        return False
    level = logging.getLevelNamesMapping().get(str(said["level"]).upper(), logging.ERROR)
    logging.getLogger(_OWN).log(level, "%s", text)
    return True


class Raw:
    """Counts lines that are not kept; tells of the first, the second, the fourth, and so on."""

    def __init__(self) -> None:
        self._lines = self._bytes = 0

    def came(self, size: int) -> None:
        self._lines, self._bytes = self._lines + 1, self._bytes + size
        if not self._lines & (self._lines - 1):
            log.warning("raw_lines", lines=self._lines, bytes=self._bytes)


class _Reduced(logging.Handler):
    """A library's line without what it says: who, how bad, from where, which kind of error, how often by now."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._seen: Counter[tuple[str, str]] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        place = f"{record.filename}:{record.lineno}"
        if len(self._seen) > _PLACES:
            self._seen.clear()
        self._seen[record.name, place] += 1
        times = self._seen[record.name, place]
        if times & (times - 1):
            return
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        said = {"logger": record.name, "of_level": record.levelname.lower(), "where": place, "error": kind}
        log.warning("library", **said, times=times)


class _Short(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        return line if len(line) <= _LINE else json.dumps({"event": "line_too_long", "begins": line[:200]})


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
    logger = logging.getLogger(_OWN)
    handler.setFormatter(_Short())
    libraries_reduced(logging.WARNING)
    for before in logger.handlers:
        before.close()
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(level)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=lambda *_: logger,
        cache_logger_on_first_use=False,
    )


def libraries_reduced(level: int) -> None:
    """From here on what libraries say from this level on is in the log, without their words."""
    root = logging.getLogger()
    reduced = next((each for each in root.handlers if isinstance(each, _Reduced)), None)
    if reduced is None:
        root.addHandler(_Reduced(level))
    else:
        reduced.setLevel(level)


def place_of(error: BaseException) -> str:
    """Where a surprise came through our own code, innermost first: ``slip.py:41 < engine.py:120 < visits.py:88``.

    Never its message, which may quote what a person typed. One that never met our code is placed where it arose.
    """
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frames = [
        (str(frame.f_globals.get("__name__", "")), f"{Path(frame.f_code.co_filename).name}:{line}")
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    ours = [place for module, place in frames if module.partition(".")[0] in _HOUSE]
    return " < ".join((ours or [place for _, place in frames[-1:]])[: -_FRAMES - 1 : -1])
