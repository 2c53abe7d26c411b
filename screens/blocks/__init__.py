"""One module per block; ``draw`` finds the one for a block. Blocks in ``STRETCH`` take the height that is left."""

from __future__ import annotations

from collections.abc import Callable

from kiosk import pages
from screens.blocks import (
    board,
    card_prompt,
    choices,
    due_list,
    facts,
    field,
    grades,
    hero,
    line_cards,
    notice,
    paragraph,
    picture,
    preview,
    receipt,
    signature,
    stages,
    tiles,
)  # fmt: skip
from screens.look import Look
from screens.panel import Panel

_DRAW: dict[type, Callable[..., Panel]] = {
    pages.CardPrompt: card_prompt.draw,
    pages.LineCards: line_cards.draw,
    pages.Tiles: tiles.draw,
    pages.DueList: due_list.draw,
    pages.Notice: notice.draw,
    pages.Paragraph: paragraph.draw,
    pages.Hero: hero.draw,
    pages.Facts: facts.draw,
    pages.Choices: choices.draw,
    pages.Field: field.draw,
    pages.Grades: grades.draw,
    pages.Receipt: receipt.draw,
    pages.Stages: stages.draw,
    pages.Board: board.draw,
}
STRETCH: dict[type, Callable[..., Panel]] = {
    pages.Preview: preview.draw,
    pages.SignaturePad: signature.draw,
    pages.Picture: picture.draw,
}
# Where a block may be cut when it does not fit on one page.
ROWS = {
    pages.LineCards: "cards", pages.Tiles: "tiles", pages.DueList: "items", pages.Facts: "rows",
    pages.Choices: "options", pages.Stages: "stages", pages.Board: "rows",
}  # fmt: skip


def draw(block: pages.Block, look: Look, width: float, height: float = 0.0) -> Panel:
    """The block as a panel ``width`` px wide; stretching ones are ``height`` px high."""
    kind = type(block)
    if kind in STRETCH:
        return STRETCH[kind](block, look, width, height)
    return _DRAW[kind](block, look, width)
