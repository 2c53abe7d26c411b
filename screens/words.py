"""Text on the screen: broken into lines as Chinese is set, never clipped, rare characters from other faces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from screens import fonts, theme
from screens.glyphs import Glyphs, extent
from screens.icons import glyph

# Characters that may not begin a line, and those that may not end one (GB/T 15834 layout).
_NOT_FIRST = "，。、；：？！）】》」』”’…—·%,.;:?!)]}/"
_NOT_LAST = "（【《「『“‘([{"
NO_BREAK = "\N{NO-BREAK SPACE}"
_PAUSES = "，。；：、,;:/"


class Words(Glyphs):
    """One text, broken into lines of at most ``width`` px.

    ``lines`` is the most it may take before its size is reduced, down to ``floor``.
    """

    def __init__(
        self,
        words: str,
        size: int,
        *,
        colour: theme.Colour = theme.INK,
        bold: bool = False,
        width: float | None = None,
        lines: int | None = None,
        floor: int | None = None,
        align: str = "left",
    ) -> None:
        font = fonts.bold() if bold else fonts.regular()
        broken, size = _fitted(words, size, font, width, lines, floor or size)
        super().__init__(broken, font, size, colour, align)


def icon(name: str, size: int, colour: theme.Colour, *, fill: bool = False, bold: bool = False) -> Glyphs:
    """A picture sign of ``size`` px."""
    font, char = glyph(name, fill=fill, bold=bold)
    return Glyphs(char, font, size, colour)


def _fitted(words: str, size: int, path: str, width: float | None, lines: int | None, floor: int) -> tuple[str, int]:
    words = "\n".join("".join(part for _, part in fonts.runs(line, path)) for line in words.split("\n"))
    if width is None:
        return words, size
    size = _unbroken_size(words, size, path, width)
    floor = min(floor, size)
    while True:
        broken, whole = [], True
        for line in words.split("\n"):
            parts = [(part, extent(part, size, path)) for part in _tokens(line)]
            whole = whole and all(wide <= width for _, wide in parts)
            broken += _break(parts, size, width)
        if size <= floor or (whole and (lines is None or len(broken) <= lines)):
            return "\n".join(broken), size
        size = max(floor, size - 1)


def _unbroken_size(words: str, size: int, path: str, width: float) -> int:
    """``size``, or the largest at which what holds together by no-break spaces (a receipt number) fits one line."""
    held = [token for line in words.split("\n") for token in _tokens(line) if NO_BREAK in token]
    # Letters do not shrink quite as their size does, so the guess is measured again.
    while (widest := max((extent(token, size, path) for token in held), default=0)) > width and size > 1:
        size = min(size - 1, max(1, int(size * width / widest)))
    return size


def _break(parts: list[tuple[str, float]], size: int, width: float) -> list[str]:
    parts = [piece for part in parts for piece in _cut(part, width)]
    rows = list(_rows(parts, width))
    if len(rows) == 2 and (split := _at_punctuation(parts, width)):
        rows = split
    elif len(rows) > 1:  # a narrower measure with as many rows leaves no lonely last character
        low, high = width * 0.5, width
        while high - low > size / 2:
            middle = (low + high) / 2
            low, high = (low, middle) if len(list(_rows(parts, middle))) == len(rows) else (middle, high)
        balanced = list(_rows(parts, high))
        if len(balanced) == len(rows):
            rows = balanced
    return ["".join(row).strip() for row in rows] or [""]


def _cut(part: tuple[str, float], width: float) -> Iterator[tuple[str, float]]:
    """A word longer than the line (an address, a long number) goes on in the next one."""
    token, wide = part
    if wide <= width:
        yield part
        return
    count = max(1, int(len(token) * width / wide * 0.9))
    for start in range(0, len(token), count):
        piece = token[start : start + count]
        yield piece, wide * len(piece) / len(token)


def _at_punctuation(parts: list[tuple[str, float]], width: float) -> list[list[str]] | None:
    """Two rows that break where the sentence does, as even as can be."""
    total = sum(wide for _, wide in parts)
    best: tuple[float, int] | None = None
    used = 0.0
    for place, (part, wide) in enumerate(parts[:-1], 1):
        used += wide
        if part[-1] in _PAUSES and used <= width and total - used <= width:
            uneven = abs(total - 2 * used)
            best = min(best or (uneven, place), (uneven, place))
    if best is None or best[0] > total * 0.6:
        return None
    words = [part for part, _ in parts]
    return [words[: best[1]], words[best[1] :]]


def _rows(parts: Iterable[tuple[str, float]], width: float) -> Iterator[list[str]]:
    row: list[str] = []
    used = 0.0
    for part, wide in parts:
        if row and used + wide > width:
            yield row
            row, used = [], 0.0
            if part == " ":
                continue
        row.append(part)
        used += wide
    if row:
        yield row


def _tokens(line: str) -> Iterator[str]:
    """What must stay together: a word, or one character with its punctuation."""
    token = ""
    for char in line:
        if token and not _joined(token, char):
            yield token
            token = ""
        token += char
    if token:
        yield token


def _joined(token: str, char: str) -> bool:
    last = token[-1]
    if char in _NOT_FIRST or last in _NOT_LAST:
        return True
    if " " in (char, last):
        return False
    return last < "\u2e80" and char < "\u2e80"
