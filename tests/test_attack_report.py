"""The table of ``make attacks``: it counts, it names the worst, and it fails when a door gave way or was left out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attack_report import DOORS

ROOT = Path(__file__).resolve().parents[1]
ALL = "\n".join(f"@pytest.mark.attack({door})\ndef test_{door}(): pass" for door in DOORS)
CASES = {
    "all hold": (ALL, 0),
    "one gave way": (f"{ALL}\n@pytest.mark.attack(3)\ndef test_bad(): assert False", 1),
    "a fixture gave way": (
        f"{ALL}\n@pytest.fixture\ndef bad(): yield; assert False\n@pytest.mark.attack(3)\ndef test_bad(bad): pass",
        1,
    ),
    "a door was left out": (ALL.replace("attack(14)", "attack(13)"), 1),
    "a door was only skipped": (ALL.replace("def test_14(): pass", "def test_14(): pytest.skip('no')"), 1),
}

TWO = ("-p", "xdist", "-n", "2")
"""The reports come from two other processes."""


def attacked(folder: Path, tests: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_doors.py").write_text(f"import pytest\n{tests}\n")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = attack(door)\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.attack_report", "-p", "no:cacheprovider", "-m", "attack"]
    return subprocess.run(
        [*command, "-c", str(folder / "pytest.ini"), *options, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        # The other plugins that lie around have no part in this, and take a second each time.
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )


@pytest.mark.parametrize(
    ("case", "processes"),
    [*((case, ()) for case in CASES), *((case, TWO) for case in ("one gave way", "a door was left out"))],
)
def test_a_door_that_gave_way_or_was_left_out_fails_the_run(
    tmp_path: Path, case: str, processes: tuple[str, ...]
) -> None:
    tests, code = CASES[case]
    done = attacked(tmp_path, tests, *processes)
    assert done.returncode == code, done.stdout
    assert ("GAVE WAY" in done.stdout) == ("gave way" in case)
    assert ("NOT TRIED" in done.stdout) == ("door was" in case)


def test_the_worst_by_memory_and_the_count_by_door_are_told(tmp_path: Path) -> None:
    measured = "@pytest.mark.parametrize('mb', [5, 77])\n@pytest.mark.attack(2)\ndef test_mb(mb, record_property):"
    done = attacked(tmp_path, f"{ALL}\n{measured} record_property('peak_mb', mb)\ndef test_other(): assert False")
    assert done.returncode == 0, "other tests are no attacks"
    (line,) = [line for line in done.stdout.split("\n") if line.startswith("   2 ")]
    assert line.split()[-6:-4] == ["3", "3"]
    assert "77 MB" in line
    assert "most memory: 77.0 MB" in done.stdout
