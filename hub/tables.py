"""Tables of the hub's commands: what strangers have written stands in them as it is, and does nothing to a terminal."""

from __future__ import annotations

from rich import table
from rich.text import Text

from kiosk.messages.foreign import shown

_CELL_CHARACTERS = 500


class Table(table.Table):
    """One whose cells are plain words: no markup, no character that does not print."""

    def add_row(self, *cells: str | None, **how: bool) -> None:  # type: ignore[override]
        """A row; None is an empty cell."""
        super().add_row(*(Text(shown(cell or "", _CELL_CHARACTERS)) for cell in cells), **how)  # type: ignore[arg-type]
