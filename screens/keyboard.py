"""The keyboard zone: large digits, or letters with digits. A key acts on the field that has the focus."""

from __future__ import annotations

from collections.abc import Callable

from kiosk.pages import Field
from screens import theme
from screens.look import Look
from screens.panel import Panel, Target
from screens.words import Words, icon

_WIDEST = 10  # keys in a row
_PAD, _GAP = 22, theme.KEY_GAP
_RADIUS = 14
_ERASE, _CLEAR, _SPACE = "<", "clear", "space"
_DIGITS = (("1", "2", "3"), ("4", "5", "6"), ("7", "8", "9"), (_CLEAR, "0", _ERASE))
_ID_NUMBER = (*_DIGITS[:3], ("X", "0", _ERASE))
_LETTERS = (tuple("1234567890"), tuple("qwertyuiop"), tuple("asdfghjkl"), (*"zxcvbnm", _ERASE))
_CAPITALS = tuple(tuple(key.upper() for key in row) for row in _LETTERS)
_CODE = (tuple("23456789"), tuple("QWERTYUP"), tuple("ASDFGHJK"), (*"ZXCVBNM", _ERASE))
"""The signs of ``kiosk.messages.resume_code``, none of which looks like another one."""
_LAYOUTS = {
    "digits": _DIGITS,
    "phone": _DIGITS,
    "date": _DIGITS,
    "pin": _DIGITS,
    "id_number": _ID_NUMBER,
    "receipt": (*_CAPITALS[:3], (*_CAPITALS[3][:-1], "-", _ERASE)),
    "code": _CODE,
    "text": (*_LETTERS, (_CLEAR, "-", _SPACE, ".", ",")),
}
_SPANS = {_SPACE: 4.0, _CLEAR: 2.0, _ERASE: 1.6}


def keyboard(look: Look, block: Field, growth: float = 1.0) -> Panel:
    """The keys for ``block``, over the whole width of the screen; ``growth`` makes them higher, or lower."""
    rows = _rows(look, block)
    pad = len(rows[0]) == 3
    is_grid = len({len(row) for row in rows}) == 1
    height = _key_height(look, rows, growth)
    board = Panel(theme.WIDTH)
    board.fill(theme.KEYBOARD)
    board.rule(0, 0, theme.WIDTH)
    side = 120 if pad else theme.KEY_SIDE
    room = theme.WIDTH - 2 * side
    unit = min((room - _GAP * (len(row) - 1)) / sum(_spans(row, is_grid)) for row in rows)
    y = float(_PAD)
    for row in rows:
        widths = [unit * span for span in _spans(row, is_grid)]
        x = side + (room - sum(widths) - _GAP * (len(row) - 1)) / 2
        for key, width in zip(row, widths, strict=True):
            board.put(_key(look, block, key, width, height), x, y)
            x += width + _GAP
        y += height + _GAP
    return board.finish(y - _GAP + _PAD)


def keyboard_height(look: Look, block: Field, growth: float = 1.0) -> float:
    """What ``keyboard`` would take, px."""
    rows = _rows(look, block)
    return len(rows) * (_key_height(look, rows, growth) + _GAP) - _GAP + 2 * _PAD


def _rows(look: Look, block: Field) -> tuple[tuple[str, ...], ...]:
    return _plate(look, block) if block.keys == "plate" else _LAYOUTS[block.keys]


def _key_height(look: Look, rows: tuple[tuple[str, ...], ...], growth: float) -> int:
    return max(look.metrics.touch, round((124 if len(rows[0]) == 3 else 100) * growth))


def _spans(row: tuple[str, ...], is_grid: bool) -> list[float]:
    """How wide each key of a row is, in letters; in a grid they stand below each other."""
    return [1 if is_grid else _SPANS.get(key, 1.0) for key in row]


def _plate(look: Look, block: Field) -> tuple[tuple[str, ...], ...]:
    """What a plate begins with while nothing stands there, then capitals and digits, and what it may end with."""
    signs = tuple(block.tails if look.values.get(block.name) else block.heads)
    rows = tuple(signs[at : at + _WIDEST] for at in range(0, len(signs), _WIDEST))
    return (*_CAPITALS, rows[0]) if look.values.get(block.name) else (*rows, (_CLEAR, _ERASE))


def _key(look: Look, block: Field, key: str, width: float, height: float) -> Target:
    made = Target(width, height, _stroke(look, block, key), label=key if len(key) == 1 else look.ui(f"key_{key}"))
    made.rapid = True
    made.radius = _RADIUS
    dark = key in (_CLEAR, _ERASE)
    made.fill(theme.rgb("#AEBBD0"), _RADIUS, (0, 4, width, height))
    made.fill(theme.KEY_DARK if dark else theme.WHITE, _RADIUS, (0, 0, width, height))
    if key == _ERASE:
        inner = icon("backspace", round(height * 0.46), theme.INK, fill=True)
        made.a11y_label = look.ui("key_erase")
    elif key in (_CLEAR, _SPACE):
        inner = look.words(look.ui(f"key_{key}"), "body", width=width - 16, lines=1, floor="caption")
    else:
        inner = look.words(key, "title")
        if inner.height > height:  # a low key has a smaller letter, which stays in it
            inner = Words(key, int(look.type("title") * height / inner.height))
    made.put_middle(inner, 0, 0, width, height)
    return made.finish(height)


def _stroke(look: Look, block: Field, key: str) -> Callable[[], None]:
    def act() -> None:
        value = str(look.values.get(block.name, ""))
        if key == _ERASE:
            value = value[:-1]
        elif key == _CLEAR:
            value = ""
        else:
            value = (value + (" " if key == _SPACE else key))[: block.max_length]
        turns = block.keys == "plate" and bool(value) != bool(look.values.get(block.name))
        look.values[block.name] = value
        if turns:
            look.redraw()  # other keys now
        else:
            look.fields[block.name].show(value)

    return act
