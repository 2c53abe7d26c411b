"""Whatever stands in a cell is shown as words."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import NoReturn

import pytest
from rich.console import Console

from hub.one_line import failed as hub_failed
from hub.tables import Table
from kiosk.commands.common import failed as kiosk_failed
from tests.hub.fixtures import ROOT


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("[/b]", "[/b]"),
        ("[red]x[/red] :warning:", "[red]x[/red] :warning:"),
        ("a\x1b[2J\x07\nb", "a\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}b"),
        ("\u202eabc", "\N{REPLACEMENT CHARACTER}abc"),
        (None, ""),
    ],
)
def test_a_cell_is_neither_markup_nor_anything_to_a_terminal(cell: str | None, told: str) -> None:
    """A receipt number or an address with a closing tag ended the whole list."""
    table, out = Table("what", "next", box=None), io.StringIO()
    table.add_row(cell, "|")
    Console(file=out, width=100, force_terminal=True, color_system=None).print(table)
    said = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()).splitlines()[1]
    assert said.partition("|")[0].strip() == told


def test_all_tables_of_the_hub_are_such() -> None:
    others = [path.name for path in (ROOT / "hub").rglob("*.py") if "rich.table import" in path.read_text("utf-8")]
    assert others == []


@pytest.mark.parametrize("failed", [hub_failed, kiosk_failed], ids=["hub", "kiosk"])
def test_the_line_of_a_failure_does_nothing_to_a_terminal(
    failed: Callable[[str], NoReturn], capsys: pytest.CaptureFixture
) -> None:
    """It may quote what another computer answered, or what a file is called."""
    with pytest.raises(SystemExit):
        failed("refused: \x1b]0;title\x07\x1b[2J" + "x" * 10_000)
    said = capsys.readouterr().err
    assert said.rstrip("\n").isprintable()
    assert len(said) < 2100
