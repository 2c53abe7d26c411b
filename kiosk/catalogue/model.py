"""What a service is, as data: one TOML file per service under ``data/<line>/<key>.toml``.

Facts, rules, limits and fees come from the law and the city (``basis`` names clause and date); nothing of them is code.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, ClassVar, Literal, NamedTuple, get_args

import msgspec

from kiosk.catalogue.finding import Finding, Path
from kiosk.text import NOTHING, Text, plain, same

DateOp = Literal["days_ahead_at_most", "days_past_at_most", "months_ahead_at_most", "months_past_at_most"]
Op = Literal["is", "one_of", "each_one_of", "among", "at_most", "at_least"] | DateOp
DATE_OPS = frozenset(get_args(DateOp))
Offline = Literal["local", "goes_on", "ends"]
CardKind = Literal["resident", "hk_macao_taiwan", "foreigner_2017", "foreigner_2023"]


class Data(msgspec.Struct, frozen=True):
    """Base of catalogue data; an unknown key refuses the file."""


class Group(Data, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Services of a line that people look for under one word, by their keys."""

    name: Text
    services: tuple[str, ...]


class Dated(Data, frozen=True, kw_only=True):
    """What holds from a day to a day, both included, by the local date; None: without a bound."""

    valid_from: date | None = None
    valid_to: date | None = None


class Line(Data, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A police line: what it is called, looks like (``colour`` ``#rrggbb``) and who decides.

    Without a ``department`` it holds the services that are common to all lines. ``groups``: how its page is divided;
    what stands in none of them comes last. ``phone``: whom to ask about them.
    """

    name: Text
    icon: str
    colour: str
    key: str = ""
    order: int = 100
    department: str = ""
    groups: tuple[Group, ...] = ()
    phone: str = ""


NO_LINE = Line(name=NOTHING, icon="", colour="")


class Condition(Data, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fact about the person judged by ``op`` against ``value``; see ``kiosk.catalogue.rules``.

    ``code`` is the pattern of one value where ``each_one_of`` judges several that are written together. ``among``:
    it is one of those in the list that ``value`` names, as the plate that was chosen among those of motorcycles.
    """

    fact: str
    op: Op
    value: Any
    code: str = ""


class Check(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One condition for the service. ``public`` never reveals third-party or criminal facts.

    ``basis``: rule and clause, "" that of the service. ``bring``, ``where``: what to take along, and whereto.
    ``from_day``: the fact with the day from which it will hold, "" where time alone does not help.
    """

    id: str
    fact: str
    op: Op
    value: Any
    public: Text
    what_to_do: Text
    code: str = ""
    only_if: Condition | None = None
    basis: str = ""
    bring: Text = NOTHING
    where: Text = NOTHING
    from_day: str = ""


class Basis(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The law or rule a service rests on, and since when."""

    law: str
    clause: str = ""


class Material(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is needed and where it comes from: the card, shared data, a picture taken here, or the person."""

    name: Text
    source: Literal["card", "shared", "commitment", "photo", "capture", "fingerprint", "signature", "bring"]


class Limit(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time limit: ``n`` working days (``wd``) or natural days (``d``); 0 = at once."""

    n: float
    unit: Literal["wd", "d"]


class Fee(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fee in fen with its legal basis and when it is due; ``per`` what it is paid for, ``place`` where it is so.

    ``only_if``: due when all of it is known to hold, over ``answers.…`` and the department's facts.
    """

    amount_fen: int
    basis: str
    when: Text
    per: Text = NOTHING
    place: Text = NOTHING
    only_if: tuple[Condition, ...] | Condition = ()

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All that must hold for it to be due."""
        return (self.only_if,) if isinstance(self.only_if, Condition) else self.only_if


class LimitIf(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Other limits for whom ``only_if`` is known to hold: of the law, and promised. ``when``: for whom, in words.

    ``nothing_to_collect``: for them a service with ``is_collected`` ends without it.
    """

    only_if: Condition
    when: Text = NOTHING
    law: Limit
    promise: Limit
    nothing_to_collect: bool = False


class Applicant(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may ask: age in full years, and which cards are accepted.

    ``without_card``: whose card is lost may be recognised by the register's picture, or by a guide.
    """

    min_age: int = 0
    max_age: int = 200
    cards: tuple[CardKind, ...] = ("resident",)
    expired_card: bool = False
    without_card: bool = False


class Due(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How this service appears in 我的待办: ``reason`` with places for the facts the department sent.

    It is due while every condition of ``when`` holds; ``until`` is the fact with its last day, "" where there is none.
    """

    reason: Text
    when: tuple[Condition, ...] = ()
    until: str = ""


class Use(Data, frozen=True, kw_only=True):
    """A kind of device that a step works with (a folder of ``devices/``), and what becomes of the step without it.

    ``ends``: the step is not begun, the person is told · ``waits``: its page says so and goes on by itself when the
    device is back · ``other_way``: the same is reached without it · ``goes_on``: something is left out. A service is
    not offered while a device is away without which one of its steps ends or waits.
    """

    device: str
    lost: Literal["ends", "waits", "other_way", "goes_on"]


class About(Data, frozen=True, kw_only=True):
    """What a step kind says of itself. Engine, health and docs/journeys.md hold it to this.

    ``mark``: its dot in the header, "" for none. ``offline``: ``local`` never asks the city, ``goes_on`` asks and can
    do without, ``ends`` cannot: it is not begun and says why. ``is_free``: nothing is lost by leaving it. ``files``:
    something is kept for the city; ``is_extra``: that may be left out after something else. ``gives_slip``: a paper
    with a number comes at its end. ``reads_card``: the service is for who has a card that fits. ``adds``: the parts
    that it gives to what is filed. ``is_once``: a second one in a service would have nothing to do. ``together``: when
    several services are done at once it is done ``once`` for all of them, once for those whose steps are ``alike``, or
    for ``each``.

    ``pages`` and ``taps``: what a person has to deal with when all goes well, typing and drawing left out; what goes on
    by itself, or may be left alone once the paper is in the hand, counts for none.
    """

    mark: str = ""
    offline: Offline = "local"
    devices: tuple[Use, ...] = ()
    is_free: bool = False
    files: bool = False
    is_extra: bool = False
    gives_slip: bool = False
    reads_card: bool = False
    adds: tuple[str, ...] = ()
    is_once: bool = False
    together: Literal["once", "alike", "each"] = "alike"
    pages: int = 1
    taps: int = 1


class Asked(NamedTuple):
    """An answer that a step asks for. ``place``: where its name stands in its table; ``values``: all that it can be.

    ``is_reviewed``: the review shows it, so that it cannot be asked after that.
    """

    name: str
    place: Path = ()
    values: tuple[str, ...] = ()
    is_reviewed: bool = True


FEN = "_fen"
"""After the name of an answer with numbers of bills: the answer that says what they come to."""
_WHEN = ("only_if", "valid_from", "valid_to")


class StepSpec(Dated, frozen=True, kw_only=True):
    """What every step has: ``kind`` names a file of ``kiosk/journey/steps/`` whose ``Spec`` adds the rest.

    The step is asked while every condition of ``only_if`` holds, over ``card.…``, ``answers.…``, ``machine.…`` and the
    department's facts; see ``kiosk.catalogue.rules.is_asked``. ``with_others``: it is asked too where another service
    of the visit asks a step of its kind, and without conditions only there.
    """

    about: ClassVar[About] = About()

    kind: str
    only_if: tuple[Condition, ...] | Condition = ()
    with_others: bool = False

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All that must hold for it to be asked."""
        return (self.only_if,) if isinstance(self.only_if, Condition) else self.only_if

    @property
    def never_by_itself(self) -> bool:
        """Whether it is asked only where another service of the visit asks its kind."""
        return self.with_others and not self.conditions

    @property
    def pays_for(self) -> str:
        """What the fees are paid for: ``case``, or ``making`` when they go back if this step comes to nothing."""
        return "case"

    @property
    def billed(self) -> str:
        """The answer with the numbers of what is paid besides the fees, "" for none; with ``FEN`` after it the sum."""
        return ""

    def uses(self) -> tuple[Use, ...]:
        """The devices that it works with."""
        return self.about.devices

    def offline_in(self, service: Service) -> Offline:
        """What it does in this service while the city does not answer."""
        del service
        return self.about.offline

    def asks_for(self) -> tuple[Asked, ...]:
        """The answers that it keeps."""
        return ()

    def adds(self) -> tuple[str, ...]:
        """The parts that it gives to what is filed."""
        return self.about.adds

    def conditions_inside(self) -> Iterator[tuple[Path, Condition]]:
        """What decides about parts of it, with its place in the step's table."""
        yield from ()

    def offers(self) -> Iterator[tuple[Path, tuple[tuple[Condition, ...], ...]]]:
        """Of each choice that somebody has to make: its place, and what must hold for each option to be there."""
        yield from ()

    def named(self) -> Iterator[tuple[Path, str]]:
        """The facts and answers that it uses itself, with their places in the step's table."""
        yield from ()

    def divisions_within(self) -> Iterator[tuple[Path, str]]:
        """How codes of divisions begin among which somebody chooses, with its place in the step's table."""
        yield from ()

    def toil(self) -> tuple[int, int]:
        """Pages that wait for the person, and taps."""
        return self.about.pages, self.about.taps

    def toil_together(self) -> tuple[int, int]:
        """The same where several services are done at once."""
        return self.toil()

    def apart(self) -> tuple[StepSpec, ...]:
        """The steps in its place where several services are done at once."""
        return (self,)

    def alike(self) -> bytes:
        """Equal for two steps that ask for the same thing, whichever service asks and of whom."""
        said = msgspec.to_builtins(self)
        return msgspec.json.encode({name: said[name] for name in said if name not in _WHEN}, order="sorted")

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """What is wrong with its own data, or with its place ``at`` in this service, beyond what its types say.

        Paths begin in the step's own table.
        """
        del service, at
        yield from ()


AT_HUB = frozenset({"appointment", "express"})
"""Step kinds by which the hub itself decides what no department does: its own book says whether it can be."""
Flag = Literal["at_once", "online", "nearby", "one_visit"]
Delivery = Literal["window", "hall", "post", "at_once", "locker"]


class Service(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One service 事项. ``is_collected``: its case ends when the person has taken something away (取件).

    ``effect``: what acceptance changes in the department's records, by the department's own name; "": nothing.
    ``limits_if``: the first that applies takes the place of both limits.
    ``conditions``, ``procedure``, ``phone`` (without one that of its line): of the eight public facts 八公开, in plain
    words. ``flags``: 马上办 网上办 就近办 一次办. ``item_kind``: 即办件 or 承诺件. ``pauses``: what stops the promised
    clock. ``proxy``: whether somebody else may come. ``guardian_below``: younger ones bring a guardian (0: nobody).
    ``free_basis``: why it costs nothing. ``believed``: fields whose value nobody has read in its source yet.
    ``handled_at``: ``window``: the counter decides; the machine gives guide, appointment or a form beforehand.
    ``meanwhile``: it is for the time until what it rests on is done, so it waits for the acceptance of that alone.
    """

    key: str
    line: str
    name: Text
    icon: str
    department: str = ""
    basis: tuple[Basis, ...] = ()
    summary: Text = NOTHING
    applicant: Applicant = Applicant()
    materials: tuple[Material, ...] = ()
    checks: tuple[Check, ...] = ()
    limit_law: Limit | None = None
    limit_promise: Limit | None = None
    limits_if: tuple[LimitIf, ...] = ()
    fees: tuple[Fee, ...] = ()
    result: Text = NOTHING
    is_collected: bool = False
    meanwhile: bool = False
    effect: str = ""
    offline: Literal["info", "register", "live"] = "live"
    devices: tuple[str, ...] = ()
    due: Due | None = None
    what_next: Text = NOTHING
    what_next_offline: Text = NOTHING
    form_name: str = ""
    order: int = 100
    conditions: tuple[Text, ...] = ()
    procedure: Text = NOTHING
    phone: str = ""
    free_basis: Text = NOTHING
    flags: tuple[Flag, ...] = ()
    item_kind: Literal["at_once", "promised"] = "promised"
    pauses: tuple[Text, ...] = ()
    proxy: Literal["no", "yes", "window"] | None = None
    guardian_below: int = 0
    delivery: tuple[Delivery, ...] = ()
    scope: Literal["city", "province", "country"] = "city"
    photo_profile: str = ""
    elder_hint: Text = NOTHING
    voice_text: Text = NOTHING
    believed: tuple[str, ...] = ()
    handled_at: Literal["machine", "window"] = "machine"
    steps: tuple[StepSpec, ...] = ()

    @property
    def spoken(self) -> Text:
        """What is said of it aloud."""
        return self.voice_text or self.elder_hint

    def has_step(self, kind: str) -> bool:
        """Whether one of its steps is of this kind."""
        return kind in [spec.kind for spec in self.steps]

    @property
    def reads_card(self) -> bool:
        """Whether it is for who has a card that fits."""
        return any(spec.about.reads_card for spec in self.steps)

    def kinds_before(self, at: int) -> tuple[str, ...]:
        """The kinds of the steps before this place that are asked without another service beside it."""
        return tuple([spec.kind for spec in self.steps[:at] if not (spec.with_others and spec.never_by_itself)])


class BundlePart(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service of a bundle: done ``after`` others of it, and only for whom every condition of ``only_if`` holds.

    ``is_optional``: the person may leave it out. ``fulfilled``: checks of the service that those before it make hold.
    ``said``: choices of the service that who wants the bundle has made with it, as ``{ reason = "lost" }``.
    """

    service: str
    after: tuple[str, ...] = ()
    fulfilled: tuple[str, ...] = ()
    said: dict[str, str] = {}
    only_if: tuple[Condition, ...] | Condition = ()
    is_optional: bool = msgspec.field(default=False, name="optional")

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All that must hold for it to belong to the bundle."""
        return (self.only_if,) if isinstance(self.only_if, Condition) else self.only_if


class Bundle(Dated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Several services done as one thing 一件事; ``share``: the answers that they have in common.

    ``without_card``: as of an ``Applicant``, for all of them.
    """

    key: str
    name: Text
    icon: str
    parts: tuple[BundlePart, ...]
    summary: Text = NOTHING
    share: tuple[str, ...] = ()
    without_card: bool = False
    handled_at: Literal["machine", "window"] = "machine"
    order: int = 100
    elder_hint: Text = NOTHING
    voice_text: Text = NOTHING


class KnownFact(Data, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fact that a department sends. ``list``: several values at once; ``values``: all that it can be, if known.

    ``least``, ``most``: between what a number lies; None: nobody knows how large it can be.
    """

    type: Literal["text", "date", "number", "yes_no", "list"]
    about: str
    values: tuple[str, ...] = ()
    least: int = 0
    most: int | None = None


class KnownDepartment(Data, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the catalogue may ask of a department: its facts and effects by name. ``effects`` say what they change."""

    name: Text
    facts: dict[str, KnownFact]
    effects: dict[str, str]


class Catalogue(Data, frozen=True, kw_only=True):
    """Every service of one version as it is on a day, with lines, departments and bundles, by key; lines in order.

    ``divisions``: the names of provinces, cities, counties and what is below them, by their codes.
    """

    version: str
    services: dict[str, Service]
    lines: dict[str, Line]
    departments: dict[str, KnownDepartment]
    complaint_phone: str
    help_phone: str
    bundles: dict[str, Bundle] = {}
    divisions: dict[str, Text] = {}

    @property
    def police_lines(self) -> list[Line]:
        """The lines that have a department."""
        return [line for line in self.lines.values() if line.department]

    @property
    def common(self) -> list[Service]:
        """What is common to all lines."""
        return [s for line in self.lines.values() if not line.department for s in self.of_line(line.key)]

    def department_name(self, key: str) -> Text:
        """What people call a department; one that this catalogue does not know as it came."""
        known = self.departments.get(key)
        return known.name if known else same(plain(key))

    def of_line(self, line: str) -> list[Service]:
        """The services of one line, most used first."""
        return sorted((s for s in self.services.values() if s.line == line), key=lambda s: (s.order, s.key))
