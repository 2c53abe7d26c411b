"""Slips as print jobs: the order, sizes and words of what stands on the paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from devices.receipt_printer.job import Code128, Columns, Cut, Element, Feed, Line, PrintJob, Qr, Rule
from devices.receipt_printer.text import columns_of
from kiosk.cases import CaseState, grouped
from kiosk.clock import local
from kiosk.slips.model import SlipModel
from kiosk.text import text

NOT_YET_ACCEPTED = frozenset({CaseState.STORED, CaseState.DELIVERED})
CLOCK_RUNS = frozenset({CaseState.ACCEPTED, CaseState.IN_REVIEW})
"""Only now is there a promised date (DESIGN §2)."""

DOUBLE_COLUMNS = 24
TEAR_LINE = "- " * 16
"""Fits 58 mm paper too."""

SECOND_COPY_DOTS = 5
"""Per module, 0.63 mm on 8 dots per mm: how much a photograph may be bent and blurred stands in docs/second-copy.md."""

LABEL_COLUMNS = {"zh": 12, "en": 16}
"""Where values begin, in columns of half a Chinese character."""


def slip_job(model: SlipModel, language: str = "zh") -> PrintJob:
    """The slip of one case in ``language`` ("zh", "en")."""
    return PrintJob(
        (
            *_head(model, language),
            Rule(),
            *_facts(model, language),
            Rule(),
            *_state(model, language),
            Rule(),
            *_number(model, language),
            Rule(),
            *_next(model, language),
            *_foot(model, language),
            *_second_copy(model, language),
            Cut(),
        )
    )


def notice_job(title: str, lines: Sequence[str], foot: str = "") -> PrintJob:
    """A sheet that names no case, such as 一次性告知单: all that is missing, told at once."""
    spaced = [part for item in _items(lines) for part in (item, Feed())]
    closing = (Rule(), Line(foot, align="center")) if foot else ()
    return PrintJob((Line(title, "double", bold=True, align="center"), Feed(), Rule(), *spaced, *closing, Cut()))


def printer_test_job(machine_id: str, printed_at: datetime, language: str = "zh") -> PrintJob:
    """What a technician prints: Chinese, rare characters, sizes, both codes, the edges of the paper."""

    def say(key: str, **values: object) -> str:
        return text(f"slip.test.{key}", **values).in_language(language)

    return PrintJob(
        (
            Line(say("title"), "double", bold=True, align="center"),
            Rule("="),
            Columns(machine_id, _minute(printed_at)),
            Line(say("text")),
            Line(say("bold"), bold=True),
            Line(say("tall"), "tall"),
            Line(say("rare")),
            Rule(),
            Feed(),
            Code128("0123456789"),
            Feed(),
            Qr("0123456789"),
            Feed(),
            Line(say("end"), align="center"),
            Cut(),
        )
    )


def _head(model: SlipModel, language: str) -> Iterator[Element]:
    yield Line(model.hall.in_language(language), align="center")
    yield Feed()
    yield Line(_say("title", language), "double", bold=True, align="center")
    if model.training:
        yield Line(_say("watermark", language, words=model.training), "tall", bold=True, align="center")
    if model.copy_number:
        yield Line(_say("copy", language, number=model.copy_number), bold=True, align="center")


def _facts(model: SlipModel, language: str) -> Iterator[Element]:
    service = model.service_name.in_language(language)
    yield _fact("service", service, language, bold=True)
    if model.line:
        yield _fact("line", _say(f"line.{model.line}", language), language)
    if model.person:
        yield _fact("person", model.person, language)
    if model.fee:
        yield _fact("fee", model.fee.in_language(language), language)
    yield _fact("printed_at", _minute(model.printed_at), language)


def _state(model: SlipModel, language: str) -> Iterator[Element]:
    words = _say(f"state.{model.state}", language)
    # "已登记,待网络恢复后受理" just fits at double size; longer words would break in the middle of a sentence.
    size = "double" if columns_of(words) <= DOUBLE_COLUMNS else "tall"
    yield Feed()
    yield Line(words, size, bold=True, align="center")
    yield Feed()
    if model.state in NOT_YET_ACCEPTED:
        yield Line(_say(f"promise.{model.state}", language), align="center")
    if model.state not in CLOCK_RUNS:
        return
    if model.accepted_at:
        yield _fact("accepted_at", _minute(model.accepted_at), language)
    if model.promised_date:
        yield _fact("promised", _day(model.promised_date, language), language, bold=True)


def _number(model: SlipModel, language: str) -> Iterator[Element]:
    yield Line(_say("number", language), align="center")
    yield Line(grouped(model.receipt_number), "tall", bold=True, align="center")
    yield Feed()
    yield Code128(model.receipt_number)
    yield Feed()


def _next(model: SlipModel, language: str) -> Iterator[Element]:
    steps = [what.in_language(language) for what in model.what_next if what]
    if steps:
        yield Line(_say("next", language), bold=True)
        yield from _items(steps)
    if model.progress_qr:
        yield Feed()
        yield Qr(model.progress_qr)
        yield Feed()
        yield Line(_say("qr", language), align="center")
    yield Rule()


def _items(lines: Sequence[str]) -> list[Line]:
    if len(lines) == 1:
        return [Line(lines[0])]
    return [Line(f"{n}. {line}", indent=3) for n, line in enumerate(lines, 1)]


def _foot(model: SlipModel, language: str) -> Iterator[Element]:
    yield Columns(_say("complaint", language), model.complaint_phone)
    yield Columns(_say("catalogue", language), model.catalogue_version)
    yield Line(_say("keep", language), align="center")


def _second_copy(model: SlipModel, language: str) -> Iterator[Element]:
    if model.second_copy is None or model.state != CaseState.STORED:
        return
    mark, codes = model.second_copy
    yield Feed()
    yield Line(TEAR_LINE, align="center")
    yield Line(_say("recovery", language), align="center")
    for number, code in enumerate(codes, 1):
        yield Feed()
        yield Qr(code, SECOND_COPY_DOTS)
        yield Feed()
        yield Line(_say("recovery_part", language, mark=mark, number=number, count=len(codes)), align="center")


def _fact(key: str, value: str, language: str, *, bold: bool = False) -> Columns:
    return Columns(_say(key, language), value, at=LABEL_COLUMNS[language], bold=bold)


def _say(key: str, language: str, **values: object) -> str:
    return text(f"slip.{key}", **values).in_language(language)


def _minute(moment: datetime) -> str:
    return f"{local(moment):%Y-%m-%d %H:%M}"


def _day(day: date, language: str) -> str:
    return _say("day", language, date=day.isoformat(), weekday=text(f"slip.weekday.{day.isoweekday()}"))
