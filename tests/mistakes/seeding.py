"""Copies of the tree in which mistakes are made, and the tests that are run there."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.mistakes.listed import ROOT, Mistake

LIMIT_S = 420
_PARTS = ("kiosk", "devices", "screens", "offline_cache", "hub", "tests", "tools", "docs", "benchmarks")
_FILES = ("setup.cfg", "setup.py", "pyproject.toml", "Makefile", "README.md", "requirements.lock", "packages.txt")
_RED = 1
"""pytest: tests were run and some failed. Any other end but 0 says that they could not be run."""


class Verdict(Enum):
    """How a mistake ended."""

    CAUGHT = "caught"
    HUNG = "hung"
    SURVIVED = "SURVIVED"


class CannotRun(Exception):
    """The tests did not even start: such a mistake shows nothing of what they can see."""


class Copies:
    """As many copies of the tree as are used at a time, made when they are needed."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self._free: queue.SimpleQueue[Path] = queue.SimpleQueue()
        self._folder = Path(tempfile.mkdtemp(prefix="mistakes-"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextmanager
    def one(self) -> Iterator[Path]:
        """A copy that nobody else uses meanwhile."""
        try:
            copy = self._free.get_nowait()
        except queue.Empty:
            copy = self._made()
        try:
            yield copy
        finally:
            self._free.put(copy)

    def are_green(self, tests: Sequence[str]) -> bool:
        """Whether these pass with nothing seeded."""
        with self.one() as copy:
            return run(copy, tests) == 0

    def _made(self) -> Path:
        copy = Path(tempfile.mkdtemp(dir=self._folder))
        for part in _PARTS:
            if (self._root / part).is_dir():
                shutil.copytree(self._root / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        for name in _FILES:
            if (self._root / name).is_file():
                shutil.copy2(self._root / name, copy / name)
        return copy


def judge(copies: Copies, mistake: Mistake) -> Verdict:
    """Make the mistake in a copy, run its tests, and take it back. Raises CannotRun, ValueError."""
    with copies.one() as copy:
        path = copy / mistake.file
        source = path.read_text("utf-8")
        path.write_text(mistake.made_in(source), "utf-8")
        try:
            code = run(copy, mistake.tests)
        except subprocess.TimeoutExpired:
            return Verdict.HUNG
        finally:
            path.write_text(source, "utf-8")
    if code not in (0, _RED):
        raise CannotRun(f"{mistake.room}: {mistake.what}: pytest ended with {code}")
    return Verdict.CAUGHT if code == _RED else Verdict.SURVIVED


def run(copy: Path, tests: Sequence[str]) -> int:
    """pytest's exit code in ``copy``; it stops at the first failure. Raises subprocess.TimeoutExpired."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    # The copy goes before what is installed, in every child too; what was compiled from the right source is not used.
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"SDL_VIDEODRIVER": "offscreen", "KIVY_NO_ARGS": "1", "KIVY_NO_CONSOLELOG": "1"}
    process = subprocess.Popen(
        command, cwd=copy, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        return process.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.wait()
        raise
