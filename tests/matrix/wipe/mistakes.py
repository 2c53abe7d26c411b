"""``python -m tests.matrix.wipe.mistakes``: mistakes in a private copy, each with the test that must catch it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.matrix.wipe.__main__ import say
from tests.matrix.wipe.walks import ROOT

_COPIED = ("kiosk", "devices", "offline_cache", "hub", "screens", "tests", "pyproject.toml")
_WALKS = "tests/matrix/wipe/test_wipe.py::test_nothing_of_any_visit_stays_readable_in_any_process_or_file"
_FORCE = "tests/kiosk/machine/test_wipe_by_force.py"
_HUNG = f"{_FORCE}::test_hung_vision_worker_is_killed_and_only_then_the_visit_counts_as_wiped"
_CARD = "        self.card = self.identity = None\n"


class Mistake(NamedTuple):
    """``there`` in ``file`` becomes ``instead``; ``test`` must fail then."""

    name: str
    test: str
    file: str
    there: str
    instead: str


MISTAKES = (
    Mistake(
        "portrait kept",
        _WALKS,
        "kiosk/visit.py",
        '        self.portrait = b""\n        self.filed',
        "        type(self).kept = [*getattr(type(self), 'kept', ()), self.portrait]\n        self.filed",
    ),
    Mistake(
        "the card kept",
        _WALKS,
        "kiosk/visit.py",
        _CARD,
        "        type(self).kept = [*getattr(type(self), 'kept', ()), self.card]\n" + _CARD,
    ),
    Mistake(
        "typed values kept",
        "tests/screens/test_forget.py",
        "screens/presenter.py",
        "        self._values = {**_initial(page), **kept}\n",
        "        self._typed = [*getattr(self, '_typed', ()), self._values]\n"
        "        self._values = {**_initial(page), **kept}\n",
    ),
    Mistake(
        "the worker's forget not awaited",
        _HUNG,
        "kiosk/wipe.py",
        "        if not await looker.forget():\n",
        "        trio.lowlevel.spawn_system_task(looker.forget)\n        if False:\n",
    ),
    Mistake(
        "a hung worker counts as wiped",
        _HUNG,
        "kiosk/vision/client.py",
        "            if not confirmed:\n",
        "            if False:\n",
    ),
    Mistake(
        "a camera that hangs counts as closed",
        f"{_FORCE}::test_stalled_camera_takes_the_vision_worker_with_it_when_it_cannot_be_closed",
        "kiosk/vision/capture.py",
        "            return self._turn.wait_for(lambda: not self._forgetting, timeout_s)\n",
        "            return True\n",
    ),
    Mistake(
        "a device thread that holds on counts as wiped",
        f"{_FORCE}::test_machine_ends_itself_for_a_device_thread_that_holds_on",
        "kiosk/wipe.py",
        "    holding += late\n",
        "",
    ),
    Mistake(
        "Python's own allocator stays",
        "tests/kiosk/test_hardening.py",
        "kiosk/hardening.py",
        '"PYTHONMALLOC": "malloc", ',
        "",
    ),
)


def main() -> int:
    """Exit code 1 when a mistake goes unnoticed."""
    unnoticed = 0
    for mistake in MISTAKES:
        broken = caught(mistake)
        unnoticed += not broken
        say(f"{mistake.name:<48} {broken or 'UNNOTICED'}")
    return 1 if unnoticed else 0


def caught(mistake: Mistake) -> str:
    """What the test says of a copy with this mistake, "" when it sees nothing."""
    copy = Path(tempfile.mkdtemp(prefix="tb-"))
    for name in _COPIED:
        take = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        take(ROOT / name, copy / name)
    path = copy / mistake.file
    text = path.read_text(encoding="utf-8")
    if mistake.there not in text:
        raise ValueError(f"{mistake.name}: {mistake.file} has changed, the mistake must be written anew")
    path.write_text(text.replace(mistake.there, mistake.instead, 1), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", mistake.test]
    surroundings = {"SDL_VIDEODRIVER": "offscreen", "KIVY_NO_ARGS": "1", "PYTHONPATH": str(copy)}
    done = subprocess.run(
        command, cwd=copy, env={**os.environ, **surroundings}, capture_output=True, text=True, check=False
    )
    shutil.rmtree(copy)
    said = [line for line in done.stdout.splitlines() if line.startswith(("E  ", "FAILED"))]
    return said[0].strip() if done.returncode == 1 and said else ""


if __name__ == "__main__":
    sys.exit(main())
