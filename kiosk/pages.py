"""Screen models: what a page says and asks, as data. Presenters draw them; nothing here draws.

A page carries every language at once (``Text``), so settings can change while it is shown. The same page feeds
touch, large text, speech and snapshot tests. Order of ``blocks`` is order on the screen and order of focus.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

import msgspec

from kiosk.catalogue.model import NO_LINE, Line
from kiosk.text import NOTHING, Text

Level = Literal["info", "ok", "warn", "error"]
Style = Literal["primary", "secondary", "exit", "plain"]


class Struct(msgspec.Struct, frozen=True):
    """Base of all page parts."""


class Action(Struct, frozen=True, kw_only=True):
    """A button. A disabled one is drawn grey with its ``reason`` and answers nothing."""

    id: str
    label: Text
    style: Style = "plain"
    icon: str = ""
    enabled: bool = True
    reason: Text = NOTHING


class StepMark(Struct, frozen=True, kw_only=True):
    """One dot of the steps header."""

    label: Text
    state: Literal["done", "now", "waiting"]


class CardPrompt(Struct, tag=True, frozen=True, kw_only=True):
    """The white card "put your ID card on the reader", with a drawn card and optional buttons."""

    title: Text
    lead: Text
    actions: tuple[Action, ...] = ()


class LineCard(Struct, frozen=True, kw_only=True):
    """One police line on the home page: name, its first services, how many in all."""

    action: Action
    line: Line
    items: tuple[Text, ...]
    count: Text


class LineCards(Struct, tag=True, frozen=True, kw_only=True):
    """The three line cards."""

    cards: tuple[LineCard, ...]


class Tile(Struct, frozen=True, kw_only=True):
    """A service or function: icon, name; ``badge`` is a short word such as 待办 2."""

    action: Action
    line: Line = NO_LINE
    lead: Text = NOTHING
    badge: Text = NOTHING


class Tiles(Struct, tag=True, frozen=True, kw_only=True):
    """A titled grid of tiles; ``wide`` ones carry a second sentence beneath the name."""

    title: Text = NOTHING
    tiles: tuple[Tile, ...]
    columns: int = 4
    wide: bool = False


class DueItem(Struct, frozen=True, kw_only=True):
    """One thing that is due for this person, with its reason; most urgent first.

    ``tick``: the box beside it, with which several are chosen to be done together; its icon says whether it is.
    """

    action: Action
    tick: Action | None = None
    line: Line = NO_LINE
    reason: Text
    urgency: Literal["overdue", "soon", "later", "info"]
    urgency_label: Text


class DueList(Struct, tag=True, frozen=True, kw_only=True):
    """我的待办. ``room``: for how many items it keeps place, so that what stands below stays where it is."""

    title: Text
    items: tuple[DueItem, ...]
    empty: Text = NOTHING
    room: int = 0


class Notice(Struct, tag=True, frozen=True, kw_only=True):
    """A banner: state is never told by colour alone, so it always has an icon and words.

    ``room``: it stands where a list of so many due items will stand, and is as high as that.
    """

    level: Level
    text: Text
    detail: Text = NOTHING
    icon: str = ""
    room: int = 0


class Paragraph(Struct, tag=True, frozen=True, kw_only=True):
    """Plain words."""

    text: Text
    size: Literal["body", "large", "caption"] = "body"


class Hero(Struct, tag=True, frozen=True, kw_only=True):
    """A big icon with a sentence: success, waiting, an error, a thing to do with one's hands."""

    icon: str
    level: Level
    title: Text
    lead: Text = NOTHING
    busy: bool = False


class Fact(Struct, frozen=True, kw_only=True):
    """A label and its value; ``action`` (optional) is the "change" button of the review page."""

    label: Text
    value: Text
    action: Action | None = None


class Facts(Struct, tag=True, frozen=True, kw_only=True):
    """Rows of facts: review, details of a document, what will be filed."""

    title: Text = NOTHING
    rows: tuple[Fact, ...]


class Choice(Struct, frozen=True, kw_only=True):
    """One option of a single choice."""

    id: str
    label: Text
    detail: Text = NOTHING
    enabled: bool = True
    reason: Text = NOTHING


class Choices(Struct, tag=True, frozen=True, kw_only=True):
    """Single choice; the answer's value ``name`` is the chosen id. ``selected`` "" means none yet, or the option "".

    ``columns``: how many options may stand side by side where their words leave room.
    """

    name: str
    label: Text
    options: tuple[Choice, ...]
    selected: str = ""
    error: Text = NOTHING
    columns: int = 1

    @property
    def must_choose(self) -> bool:
        """Whether nothing chosen is no answer."""
        return all(option.id for option in self.options)


class Field(Struct, tag=True, frozen=True, kw_only=True):
    """One typed field. ``keys`` names the keyboard shown for it; the answer's value ``name`` is its text.

    ``heads``, ``tails``: signs besides letters and digits that ``plate`` begins and may end with.
    """

    name: str
    label: Text
    keys: Literal["digits", "phone", "receipt", "id_number", "text", "pin", "date", "plate", "code"]
    value: str = ""
    hint: Text = NOTHING
    error: Text = NOTHING
    max_length: int = 40
    heads: str = ""
    tails: str = ""


class Preview(Struct, tag=True, frozen=True, kw_only=True):
    """Live camera picture. ``frames`` names the shared memory (``kiosk.vision.frames``); "" draws a still icon.

    ``of`` paper: the frame that is drawn on it is a sheet's, not a face's, and none of the picture is cut off.
    """

    frames: str
    instruction: Text
    progress: float = 0.0
    arrow: Literal["", "left", "right"] = ""
    show_box: bool = False
    of: Literal["face", "paper"] = "face"


PAD_RATIO = 1.5
"""Width over height of every signature pad: strokes are shares of it, and its picture must not be stretched."""


class SignaturePad(Struct, tag=True, frozen=True, kw_only=True):
    """Sign with a finger. The answer's value ``name`` is the strokes: list of lists of [x, y] in 0..1, y down.

    The pad is ``PAD_RATIO`` times as wide as high.
    """

    name: str
    label: Text
    error: Text = NOTHING
    strokes: list[list[list[float]]] = []


class Grades(Struct, tag=True, frozen=True, kw_only=True):
    """Five grades, none chosen beforehand; each grade is an action that answers at once."""

    label: Text
    actions: tuple[Action, ...]


class Receipt(Struct, tag=True, frozen=True, kw_only=True):
    """The receipt number, grouped, and a QR code of ``qr``; ``to_scan``: the code is what the page is for: large."""

    label: Text
    number: str
    qr: str
    note: Text = NOTHING
    to_scan: bool = False


class Stage(Struct, frozen=True, kw_only=True):
    """One state that a case has reached (or not yet), with when and by whose word."""

    label: Text
    detail: Text
    state: Literal["done", "now", "waiting", "stopped"]


class Stages(Struct, tag=True, frozen=True, kw_only=True):
    """Progress of one case. ``number`` is its receipt number, drawn in groups and never broken over lines."""

    title: Text
    stages: tuple[Stage, ...]
    number: str = ""


class BoardRow(Struct, frozen=True, kw_only=True):
    """One device or queue row of the maintenance board."""

    icon: str
    name: Text
    state: Text
    level: Level
    detail: Text = NOTHING
    actions: tuple[Action, ...] = ()


class Board(Struct, tag=True, frozen=True, kw_only=True):
    """Rows with state and buttons, for the technician."""

    title: Text = NOTHING
    rows: tuple[BoardRow, ...]


class Picture(Struct, tag=True, frozen=True, kw_only=True):
    """An image shown as it is: PNG or JPEG bytes, with words for who cannot see it."""

    data: bytes
    label: Text


Block = (
    CardPrompt
    | LineCards
    | Tiles
    | DueList
    | Notice
    | Paragraph
    | Hero
    | Facts
    | Choices
    | Field
    | Preview
    | SignaturePad
    | Grades
    | Receipt
    | Stages
    | Board
    | Picture
)


class Chip(Struct, frozen=True, kw_only=True):
    """A small truth in the header: network, place, help line. Never a button."""

    icon: str
    text: Text
    level: Level = "info"


class Page(Struct, frozen=True, kw_only=True):
    """One full page.

    ``kind`` names it for the status socket and scripts ("home", "form" …); ``layout`` picks the frame:
    ``home`` (brand header, bottom settings bar), ``step`` (steps header, action bar), ``full`` (one thing, one
    big button). ``actions`` are the bottom bar: exit left, back middle, primary right. ``help`` is drawn in the header
    of step and full pages beside the countdown ring; ``brand`` is the emblem of the home header, also a button.
    ``timeout_s`` None = the machine's own idle time, 0 = no limit. What is not ``is_free`` asks whoever leaves it once.
    """

    kind: str
    title: Text
    layout: Literal["home", "step", "full"] = "step"
    lead: Text = NOTHING
    spoken: Text = NOTHING
    service: str = ""
    line: Line = NO_LINE
    icon: str = ""
    chips: tuple[Chip, ...] = ()
    steps: tuple[StepMark, ...] = ()
    blocks: tuple[Block, ...] = ()
    actions: tuple[Action, ...] = ()
    help: Action | None = None
    brand: Action | None = None
    timeout_s: float | None = None
    is_free: bool = True


class Settings(Struct, frozen=True, kw_only=True):
    """How this person wants the screen; back to the defaults when the visit ends."""

    language: Literal["zh", "en"] = "zh"
    elder: bool = False
    low_reach: bool = False
    speech: bool = False


class Answer(Struct, frozen=True, kw_only=True):
    """What the person did: the action's id, and the values of the page's fields at that moment."""

    action: str
    values: dict[str, Any] = {}


class Presenter(Protocol):
    """How pages reach a person. Found by entry point ``tongban.presenters``; called from the machine's trio loop.

    ``run`` draws until canceled and signals readiness through ``task_status``. ``show`` puts a page up and returns
    the one answer (a second tap on anything is ignored); canceled, the page stays until the next ``show``.
    ``update`` replaces the page that is being shown without ending the wait (typed values are kept).
    ``values`` gives what has been typed so far. ``tick`` draws the countdown; total 0 means that no limit runs.
    ``forget`` drops every value, widget, texture and cached text that a visit could have left; ``then``, a page that
    tells of nobody, is shown from then on and answers nothing. ``on_touch`` is called at every touch that may be a
    person's: not for a press that is never released, nor again and again for one spot where nothing can be touched.
    """

    on_touch: Callable[[], None]

    async def run(self, *, task_status: Any) -> None: ...
    async def show(self, page: Page, settings: Settings) -> Answer: ...
    def update(self, page: Page) -> None: ...
    def values(self) -> dict[str, Any]: ...
    def tick(self, left_s: float, total_s: float) -> None: ...
    def forget(self, then: Page | None = None) -> None: ...


def spoken(page: Page) -> Text:
    """What the machine says for this page: its own words if it has some, else title and lead."""
    if page.spoken:
        return page.spoken
    return Text(*(f"{page.title.in_language(x)} {page.lead.in_language(x)}".strip() for x in ("zh", "en")))


def restored(page: Page, values: dict[str, Any]) -> Page:
    """The same page with what was typed or chosen put back, after another page was shown in between."""

    def fill(block: Block) -> Block:
        if isinstance(block, Field) and block.name in values:
            return msgspec.structs.replace(block, value=values[block.name])
        if isinstance(block, Choices) and block.name in values:
            return msgspec.structs.replace(block, selected=values[block.name])
        if isinstance(block, SignaturePad) and block.name in values:
            return msgspec.structs.replace(block, strokes=values[block.name])
        return block

    return msgspec.structs.replace(page, blocks=tuple(fill(b) for b in page.blocks)) if values else page
