"""Words of a foreign catalogue reach an operator's terminal as words."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.catalogue.loader import shipped
from kiosk.cli import main
from kiosk.commands.common import print_table

_EVIL = ("\x1b]0;title\x07", "\x1b[2J", "\x9b2J", "\N{RIGHT-TO-LEFT OVERRIDE}", "\N{RIGHT-TO-LEFT ISOLATE}")
_WORDS = r"\u001b]0;title\u0007\u001b[2J\u009b2J\u202e\u2067[/b] :warning:"
"""The same as TOML has it, with a closing tag of a table's markup behind it."""
_OWN_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """The shipped catalogue with a service whose name is more than words, and a version that is, too."""
    folder = tmp_path / "foreign"
    shutil.copytree(shipped(), folder)
    for file, line, words in (
        ("traffic/T01.toml", "^name = .*$", f'name = {{ zh = "{_WORDS}", en = "{_WORDS}" }}'),
        ("catalogue.toml", "^version = .*$", f'version = "2027.01{_WORDS}"'),
    ):
        text, count = re.subn(
            line, lambda _, words=words: words, (folder / file).read_text("utf-8"), count=1, flags=re.MULTILINE
        )
        assert count == 1
        (folder / file).write_text(text, "utf-8")
    return folder


def said_to_a_terminal(*words: str) -> str:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 250, 0, 0))
    child = subprocess.Popen([sys.executable, "-m", "kiosk", *words], stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    try:
        while piece := os.read(ours, 65536):
            said += piece
    except OSError:
        pass  # the other side is closed: everything was read
    os.close(ours)
    assert child.wait(100) in (0, 1)
    return _OWN_ESCAPES.sub("", said.decode())


@pytest.mark.parametrize("what", ["list", "check", "export", "export --json"])
def test_a_foreign_catalogue_does_nothing_to_a_terminal(foreign: Path, what: str) -> None:
    if what == "check":
        with (foreign / "traffic" / "T01.toml").open("a", encoding="utf-8") as service:
            service.write(f'"{_WORDS}" = 1\n')
    command, *more = what.split()
    said = said_to_a_terminal("catalogue", command, str(foreign), *more)
    assert "[/b] :warning:" in said
    assert not [evil for evil in _EVIL if evil in said]


def test_what_differs_does_nothing_to_a_terminal(foreign: Path) -> None:
    done = CliRunner().invoke(main, ["catalogue", "diff", str(foreign)])
    assert done.exit_code == 0, done.output
    assert "[/b] :warning:" in done.stdout
    assert not [evil for evil in _EVIL if evil in done.stdout]


def test_a_program_reads_the_list_as_it_is(foreign: Path) -> None:
    assert "\x9b2J" in CliRunner().invoke(main, ["catalogue", "export", str(foreign)]).stdout


def test_a_table_of_pages_off_a_terminal_has_words_too(capsys: pytest.CaptureFixture) -> None:
    """As of a walk: service and page are the catalogue's words."""
    print_table("pages", ["service", "page", "ms"], [["T01\x1b[2J", "\x9b2J\N{RIGHT-TO-LEFT OVERRIDE}", "1"]])
    said = capsys.readouterr().out
    assert all(line.isprintable() for line in said.splitlines())
    assert "T01\N{REPLACEMENT CHARACTER}[2J" in said
