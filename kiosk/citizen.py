"""A scripted citizen: reads a page like a person and decides what to touch. Walks, the demo and benchmarks use it.

Script (TOML)::

    services = ["T01", "B03"]          # what this person came for, in order: services and bundles
    [values]                           # what is typed or, where it is offered, chosen, by field name
    phone = "13900000000"
    [actions]                          # page kind -> action instead of the obvious one; "T01/result" = for one service
    rate = "grade:5"
    not_yet = "print, leave"         # the second time the page is shown: leave
    [[control]]                        # what happens around the machine when a page of this kind is first shown
    page = "home"
    socket = "/run/reader.control"     # control socket of an emulated device
    do = "place"
    with = { card = "zhao" }

A machine with real or foreign devices needs no ``control``: whoever runs the walk puts the card down.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs

from kiosk import shapes
from kiosk.pages import Answer, Choices, DueList, Field, Grades, LineCards, Notice, Page, Preview, SignaturePad, Tiles
from kiosk.text import text
from kiosk.toml_file import read_toml

SIGNATURE = [
    [[0.15, 0.30], [0.30, 0.28], [0.44, 0.27]],
    [[0.30, 0.15], [0.29, 0.45], [0.20, 0.75]],
    [[0.30, 0.45], [0.38, 0.60], [0.48, 0.72]],
    [[0.58, 0.30], [0.72, 0.28], [0.86, 0.30]],
    [[0.72, 0.20], [0.71, 0.50], [0.70, 0.80]],
]
_VALUES = {"phone": "13900000001", "post_phone": "13900000001"}
_BY_TILE = frozenset(
    {"region", "slot_days", "slot_times", "express", "address_found", "reprint_which", "plate_numbers"}
)
_OBVIOUS = {"rate": "skip", "still_there": "continue", "confirm_exit": "exit", "under_way": "next"}


class Control(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"arguments": "with"}):
    """One thing done to an emulated device when a page of this kind is shown.

    Once, unless ``every``, and not at the first ``after`` looks at the page.
    """

    page: str
    socket: str
    do: str
    arguments: dict[str, Any] = {}
    every: bool = False
    after: int = 0


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a scripted citizen wants and knows.

    ``turn`` is the camera emulator's control socket, ``messages`` where a demonstration's text messages can be read.
    """

    services: tuple[str, ...] = ()
    values: dict[str, Any] = {}
    actions: dict[str, str] = {}
    control: tuple[Control, ...] = ()
    turn: str = ""
    messages: str = ""
    anonymous: bool = False


def read_script(path: Path) -> Script:
    """The script in a TOML file. Raises ValueError with one line that names what is wrong."""
    try:
        return shapes.convert(read_toml(path), Script)
    except msgspec.ValidationError as error:
        raise ValueError(f"{path}: {error}; correct it (docs/walking.md)") from error


def script_text(script: Script) -> str:
    """The script as the TOML of its file."""
    return "".join(f"{name} = {_toml(value)}\n" for name, value in msgspec.to_builtins(script).items())


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_toml(name)} = {_toml(inner)}' for name, inner in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    # A JSON string, number or truth is a TOML one too.
    return json.dumps(value, ensure_ascii=False)


class Citizen:
    """One visit's worth of decisions. ``None`` from ``decide`` means: this page goes on by itself."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.left = list(script.services)
        self.refused: list[str] = []
        self.told: dict[str, str] = {}
        """What came by text message, by field."""
        self._looked_in: set[str] = set()
        """The lines in which the next service was not found."""
        self._turns: dict[str, int] = {}
        self._looks: dict[int, int] = {}
        self._has_lifted = False

    @property
    def finished(self) -> bool:
        """Whether everything this person came for could be begun."""
        return not self.left and not self.refused

    def controls(self, page: Page) -> list[Control]:
        """What is to be done around the machine now that ``page`` is shown."""
        due = []
        for i, control in enumerate(self.script.control):
            if control.page != page.kind:
                continue
            looks = self._looks[i] = self._looks.get(i, 0) + 1
            if looks == control.after + 1 or (control.every and looks > control.after):
                due.append(control)
        return due + self._anew(page)

    def _anew(self, page: Page) -> list[Control]:
        """A card that lay there before the machine was ready is lifted when the page asks for it, and put down anew."""
        put_down = [each for each in self.script.control if each.page == page.kind == "home" and each.do == "place"]
        is_asked = any(isinstance(block, Notice) and block.text == text("home.take_card") for block in page.blocks)
        if not put_down or is_asked == self._has_lifted:
            return []
        self._has_lifted = is_asked
        return [structs.replace(each, do="lift", arguments={}) for each in put_down] if is_asked else put_down

    def decide(self, page: Page) -> Answer | None:
        """The action and values for ``page``."""
        action = (
            self._scripted(f"{page.service}/{page.kind}")
            or self._scripted(page.kind)
            or self._service(page)
            or _OBVIOUS.get(page.kind)
            or _primary(page)
            or _first_tile(page)
        )
        if action in ("", "wait"):
            return None
        return Answer(action=action, values=self._values(page))

    def _scripted(self, where: str) -> str:
        """The script's word for a page; of "print, leave" the next one each time, the last one for ever."""
        words = [w.strip() for w in self.script.actions.get(where, "").split(",")]
        turn = self._turns.get(where, 0)
        self._turns[where] = turn + 1
        return words[min(turn, len(words) - 1)]

    def _service(self, page: Page) -> str:
        """On pages that offer services: the next one wanted, sought line by line, or to leave when nothing is left."""
        if page.kind == "home":
            return self._from_home(page)
        if page.kind not in ("todo", "line"):
            return ""
        offered = offered_actions(page)
        while self.left:
            wanted = offered & {f"service:{self.left[0]}", f"bundle:{self.left[0]}"}
            if wanted:
                self._looked_in.clear()
                self.left.pop(0)
                return wanted.pop()
            if page.kind == "line":
                return "back"
            rooms = sorted(a for a in offered if (a == "bundles" or a.startswith("line:")) and a not in self._looked_in)
            if rooms:
                self._looked_in.add(rooms[0])
                return rooms[0]
            self._looked_in.clear()
            self.refused.append(self.left.pop(0))
        return "back" if page.kind == "line" else "exit"

    def _from_home(self, page: Page) -> str:
        """Without a card only who wants to stay unknown begins."""
        if self.script.anonymous and self.left and f"service:{self.left[0]}" in offered_actions(page):
            return f"service:{self.left.pop(0)}"
        return "wait"

    def _values(self, page: Page) -> dict[str, Any]:
        known = {**_VALUES, **self.script.values, **self.told}
        values: dict[str, Any] = {}
        for block in page.blocks:
            if isinstance(block, Field):
                values[block.name] = known.get(block.name, block.value)
            elif isinstance(block, Choices):
                first = next((o.id for o in block.options if o.enabled and o.id), "")
                wanted = known.get(block.name)
                offered = wanted in {o.id for o in block.options}
                values[block.name] = (wanted if offered else "") or block.selected or first
            elif isinstance(block, SignaturePad):
                values[block.name] = known.get(block.name, SIGNATURE)
        return values


def turn_wanted(page: Page) -> str:
    """Which way the page asks the head to turn: ``left``, ``right``, ``centre`` or "" when there is no camera page."""
    preview = next((b for b in page.blocks if isinstance(b, Preview)), None)
    return "" if preview is None else preview.arrow or "centre"


def offered_actions(page: Page) -> set[str]:
    """Ids of every enabled action anywhere on the page."""
    found = {a.id for a in page.actions if a.enabled}
    for block in page.blocks:
        if isinstance(block, Tiles):
            found |= {t.action.id for t in block.tiles if t.action.enabled}
        elif isinstance(block, DueList):
            found |= {i.action.id for i in block.items if i.action.enabled}
            found |= {i.tick.id for i in block.items if i.tick}
        elif isinstance(block, LineCards):
            found |= {c.action.id for c in block.cards if c.action.enabled}
        elif isinstance(block, Grades):
            found |= {a.id for a in block.actions}
    return found


def _primary(page: Page) -> str:
    return next((a.id for a in page.actions if a.style == "primary" and a.enabled), "")


def _first_tile(page: Page) -> str:
    """Where one of several tiles is the way on."""
    if page.kind not in _BY_TILE:
        return ""
    tiles = (tile for block in page.blocks if isinstance(block, Tiles) for tile in block.tiles)
    return next((tile.action.id for tile in tiles if tile.action.enabled), "")
