"""Papers as print jobs: the order, sizes and words of what stands on them. Every one has the same head and foot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from devices.receipt_printer.job import Code128, Columns, Cut, Element, Feed, Line, PrintJob, Qr, Rule
from devices.receipt_printer.text import columns_of
from kiosk.cases import CLOCK_RUNS, CaseState, grouped
from kiosk.clock import local
from kiosk.slips.model import Letterhead, ResumeModel, Row, SecondCopy, Section, SlipModel
from kiosk.text import Text, plain, text

DOUBLE_COLUMNS = 24
TEAR_LINE = "- " * 16
"""Fits 58 mm paper too."""

SECOND_COPY_DOTS = 5
"""Per module, 0.63 mm on 8 dots per mm: how much a photograph may be bent and blurred stands in docs/second-copy.md."""

LABEL_COLUMNS = {"zh": 12, "en": 16}
"""Where values begin, in columns of half a Chinese character."""


def slip_job(model: SlipModel, language: str = "zh") -> PrintJob:
    """The slip of one case in ``language`` ("zh", "en")."""
    return _paper(
        model.head,
        language,
        (
            *_rows(model.rows, language),
            *([Line(model.left_out.in_language(language))] if model.left_out else []),
            Rule(),
            *_state(model, language),
            Rule(),
            *_number(model, language),
            Rule(),
            *_next(model, language),
        ),
        marks=_marks(model, language),
        below=_second_copy(model, language),
    )


def sheet_job(head: Letterhead, sections: Sequence[Section], language: str = "zh") -> PrintJob:
    """A sheet that has no receipt number, such as 一次性告知单 or what a query found."""
    body: list[Element] = [Rule()]
    for section in sections:
        if section.title:
            body += [Line(section.title.in_language(language), bold=True)]
        body += _rows(section.rows, language)
        body += [part for item in _items(section.sentences, language) for part in (item, Feed())]
        body += [Feed()] if section.rows else []
    return _paper(head, language, (*body, Rule()))


def resume_job(model: ResumeModel, language: str = "zh") -> PrintJob:
    """The code of what is half done, large enough to be read from an arm's length, and how it goes on."""
    code = Line(model.code, "double", bold=True, align="center")
    items = [part for item in _items(model.sentences, language) for part in (item, Feed())]
    title = Line(_say("resume_code", language), bold=True, align="center")
    return _paper(model.head, language, (Rule(), title, Feed(), code, Feed(), Qr(model.qr), Feed(), *items, Rule()))


def printer_test_job(head: Letterhead, language: str = "zh") -> PrintJob:
    """What a technician prints: Chinese, rare characters, sizes, both codes, the edges of the paper."""

    def say(key: str) -> str:
        return _say(f"test.{key}", language)

    return _paper(
        head,
        language,
        (
            Rule("="),
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
            Rule(),
        ),
    )


def _paper(
    head: Letterhead,
    language: str,
    body: Iterable[Element],
    *,
    marks: Iterable[Element] = (),
    below: Iterable[Element] = (),
) -> PrintJob:
    return PrintJob((*_head(head, language, marks), *body, *_foot(head, language), *below, Cut()))


def _head(head: Letterhead, language: str, marks: Iterable[Element]) -> Iterator[Element]:
    """The same on every paper. ``marks`` stand below the title: training, copy."""
    yield Line(head.hall.in_language(language), align="center")
    yield Feed()
    yield Line(head.title.in_language(language), "double", bold=True, align="center")
    yield from marks
    yield Rule()
    yield _fact("service", head.about.in_language(language), language, bold=True)
    if head.line:
        yield _fact("line", head.line.in_language(language), language)
    if head.person:
        yield _fact("person", head.person, language)
    yield _fact("printed_at", _minute(head.printed_at), language)
    yield _fact("machine", head.machine, language)
    yield _fact("help", head.help_phone, language)


def _foot(head: Letterhead, language: str) -> Iterator[Element]:
    yield Columns(_say("complaint", language), head.complaint_phone)
    yield Columns(_say("catalogue", language), head.catalogue_version)
    yield Line(_say("keep", language), align="center")


def _marks(model: SlipModel, language: str) -> Iterator[Element]:
    if model.training:
        yield Line(_say("watermark", language, words=model.training), "tall", bold=True, align="center")
    if model.copy_number:
        yield Line(_say("copy", language, number=model.copy_number), bold=True, align="center")


def _rows(rows: Iterable[Row], language: str) -> list[Element]:
    at = LABEL_COLUMNS[language]
    return [Columns(row.label.in_language(language), row.value.in_language(language), at=at) for row in rows]


def _state(model: SlipModel, language: str) -> Iterator[Element]:
    known = model.state in set(CaseState)
    state = "on_its_way" if model.is_on_its_way and model.state == CaseState.STORED else model.state
    words = _say(f"state.{state}" if known else "state_other", language, state=plain(model.state))
    # "已登记,待网络恢复后受理" just fits at double size; longer words would break in the middle of a sentence.
    size = "double" if columns_of(words) <= DOUBLE_COLUMNS else "tall"
    yield Feed()
    yield Line(words, size, bold=True, align="center")
    yield Feed()
    if CaseState.before_acceptance(model.state):
        yield Line(_say(f"promise.{state}", language), align="center")
    if model.reasons:
        yield Line(_say("reasons", language), bold=True)
        yield from _items(model.reasons, language)
    if model.state not in CLOCK_RUNS:
        return
    if model.accepted_at:
        yield _fact("accepted_at", _minute(model.accepted_at), language)
    if model.promise:
        yield _fact("promised", model.promise.in_language(language), language, bold=True)


def _number(model: SlipModel, language: str) -> Iterator[Element]:
    yield Line(_say("number", language), align="center")
    yield Line(grouped(model.receipt_number), "tall", bold=True, align="center")
    yield Feed()
    yield Code128(model.receipt_number)
    yield Feed()
    if model.copy_number and not model.slip_code:
        yield Line(_say("no_code", language), align="center")
    if not model.slip_code:
        return
    yield Line(_say("code", language), align="center")
    yield Line(grouped(model.slip_code), "tall", bold=True, align="center")
    yield Feed()


def _next(model: SlipModel, language: str) -> Iterator[Element]:
    steps = [what for what in model.what_next if what]
    if steps:
        yield Line(_say("next", language), bold=True)
        yield from _items(steps, language)
    if model.progress_qr:
        yield Feed()
        yield Qr(model.progress_qr)
        yield Feed()
        yield Line(_say("qr", language), align="center")
    yield Rule()


def _items(sentences: Sequence[Text], language: str) -> list[Line]:
    lines = [sentence.in_language(language) for sentence in sentences]
    if len(lines) == 1:
        return [Line(lines[0])]
    return [Line(f"{n}. {line}", indent=3) for n, line in enumerate(lines, 1)]


def _second_copy(model: SlipModel, language: str) -> Iterator[Element]:
    if model.state != CaseState.STORED:
        return
    for copy in (*((model.second_copy,) if model.second_copy else ()), *model.second_copies):
        yield from _recovery(copy, language)


def _recovery(copy: SecondCopy, language: str) -> Iterator[Element]:
    mark, codes = copy
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
