"""Bytes that are no text, behind a command, in its environment or as the name of a file."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.cli import main
from kiosk.messages.terminal import take_any_terminal

GBK = os.fsdecode(b"\xc4\xe3")


@pytest.fixture
def told(config_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """The one line of a command that fails."""
    monkeypatch.setenv("TONGBAN_HARDENED", "1")
    monkeypatch.setenv("TONGBAN_CONFIG", str(config_file()))

    def run(line: str) -> str:
        done = CliRunner().invoke(main, line.split(), input="1\n2\n")
        assert done.exit_code == 1, done.output
        (said,) = done.stderr.splitlines()
        assert "fault in the program" not in said
        return said

    return run


@pytest.mark.parametrize(
    "line",
    [
        f"staff remove --ref {GBK}",
        f"queue export --store {GBK} batch",
        f"stock load {GBK} 1 1",
        f"--config {GBK} doctor",
        f"enrol --hub https://{GBK}",
    ],
    ids=ascii,
)
def test_words_that_are_no_text_are_named(told: Callable[[str], str], line: str) -> None:
    place = next(number for number, word in enumerate(line.split(), 1) if GBK in word)
    assert f"argument {place} is no text" in told(line)


def test_a_setting_of_the_environment_that_is_no_text_is_named(
    told: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONGBAN_CONFIG", f"/etc/{GBK}.toml")
    assert "TONGBAN_CONFIG is no text" in told("doctor")


def test_a_file_whose_name_is_no_text_is_read_as_any_other(told: Callable[[str], str], tmp_path: Path) -> None:
    """Old Windows tools write names in GBK."""
    file = tmp_path / f"{GBK}.tbz"
    file.write_bytes(b"nothing of ours")
    assert "no text" not in told(f"queue import {file}")


def test_who_has_read_from_standard_input_before_may_call_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"first\nsecond\n")))
    assert sys.stdin.readline() == "first\n"
    take_any_terminal()
    assert sys.stdin.readline() == "second\n"
