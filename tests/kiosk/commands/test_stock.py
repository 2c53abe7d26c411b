"""Packs of numbered blanks are written into the book for a device that this machine has, and for no other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli import main


@pytest.fixture
def stock(config_file: Callable[..., Path]) -> Callable[..., Result]:
    config = config_file(**{"devices.licence_printer": {"driver": "licence_printer", "port": "/dev/none"}})
    return lambda *words: CliRunner().invoke(main, ["--config", str(config), "stock", *words])


def test_a_device_that_is_mistyped_gets_no_blanks(stock: Callable[..., Result]) -> None:
    refused = stock("load", "licence_printr", "L00000001", "5")
    assert (refused.exit_code, "it has licence_printer" in refused.stderr) == (1, True), refused.output


def test_full_width_signs_name_the_same_blanks(stock: Callable[..., Result]) -> None:
    assert stock("load", "licence_printer", "Ｌ００００８", "5").exit_code == 0
    again = stock("load", "licence_printer", "L00010", "5")
    assert "2 blanks" in again.stdout
    assert json.loads(stock("list", "--json").stdout)["licence_printer"]["loaded"] == 7
