"""The city's list of services 事项目录 as CSV, and a guide of each 办事指南 as PDF.

Made of the catalogue alone: no date, no machine, no number of its own. Two machines of one version and one version of
the font package write the same bytes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime

from fpdf import FPDF
from fpdf.enums import MethodReturnValue, XPos, YPos

from devices.receipt_printer.text import NOT_AT_LINE_START
from kiosk import pdf_font
from kiosk.catalogue.guide import Row, guide
from kiosk.catalogue.model import Catalogue, Service
from kiosk.text import Text, text

_NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)
"""A PDF wants to say when it was made; of two that say the same nobody can tell which was made first."""
_LABEL_MM, _TEXT_MM, _LINE_MM = 42.0, 138.0, 7.0
_COLUMNS = (
    *("name", "basis", "conditions", "materials", "procedure", "limit", "pauses"),
    *("fee", "result", "phone", "handling", "hint"),
)


def head() -> str:
    """The first line of the list, by which one is known."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([text(f"guide.{key}").zh for key in ("key", "line", *_COLUMNS)])
    return out.getvalue()


def as_csv(catalogue: Catalogue) -> str:
    """One row for each service, line by line: key, line, and the public facts in Chinese."""
    out = io.StringIO(head())
    writer = csv.writer(out, lineterminator="\r\n")
    out.seek(0, io.SEEK_END)
    for service in in_order(catalogue):
        found = {row.key: "\n".join(line.zh for line in row.lines) for row in guide(service)}
        cells = [service.key, catalogue.lines[service.line].name.zh, *(found.get(key, "") for key in _COLUMNS)]
        writer.writerow(list(map(_no_formula, cells)))
    return out.getvalue()


def in_order(catalogue: Catalogue) -> Iterator[Service]:
    """Line by line, as people see them."""
    for line in catalogue.lines:
        yield from catalogue.of_line(line)


def _no_formula(cell: str) -> str:
    """A spreadsheet takes what begins so for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell


def as_pdf(service: Service, catalogue: Catalogue) -> bytes:
    """The guide of one service, in both languages, one after the other. Raises NoFont."""
    pdf = FPDF(format="A4")
    pdf.set_creation_date(_NO_TIME)
    pdf.set_title(service.name.zh)
    pdf.set_auto_page_break(auto=True, margin=18)
    pdf_font.add(pdf, "sans", _words(service, catalogue))
    for language in ("zh", "en"):
        _written(pdf, service, catalogue, language)
    return bytes(pdf.output())


def _words(service: Service, catalogue: Catalogue) -> Iterator[str]:
    """All that its guide says, in both languages."""
    facts = (said for row in guide(service) for said in (row.label, *row.lines))
    for said in (service.name, catalogue.lines[service.line].name, _version(catalogue), *facts):
        yield said.zh
        yield said.en
    yield f" · {service.key}"


def _version(catalogue: Catalogue) -> Text:
    return text("guide.version", version=catalogue.version)


def _written(pdf: FPDF, service: Service, catalogue: Catalogue, language: str) -> None:
    def say(words: Text) -> str:
        return words.in_language(language)

    pdf.add_page()
    pdf.set_font("sans", "", 20)
    pdf.multi_cell(0, 11, say(service.name), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.set_font("sans", "", 10)
    pdf.set_text_color(90)
    below = f"{say(catalogue.lines[service.line].name)} · {service.key} · {say(_version(catalogue))}"
    pdf.cell(0, 8, below, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.set_text_color(0)
    for row in guide(service):
        if row.key != "name":
            _fact(pdf, row, language)


def _fact(pdf: FPDF, row: Row, language: str) -> None:
    """A label and what it says beside it, on one page where it fits."""
    pdf.set_font("sans", "", 11)
    said = "\n".join(broken for line in row.lines for broken in _broken(pdf, line.in_language(language)))
    high = pdf.multi_cell(_TEXT_MM, _LINE_MM, said, dry_run=True, output=MethodReturnValue.HEIGHT)
    if pdf.will_page_break(float(high) + 4):  # type: ignore[arg-type]  # asked for nothing but the height
        pdf.add_page()
    top = pdf.get_y() + 2
    pdf.set_draw_color(200)
    pdf.line(pdf.l_margin, top, pdf.l_margin + _LABEL_MM + _TEXT_MM, top)
    pdf.set_xy(pdf.l_margin, top + 2)
    pdf.set_text_color(90)
    pdf.multi_cell(_LABEL_MM, _LINE_MM, row.label.in_language(language), align="L")
    label_ends = pdf.get_y()
    pdf.set_xy(pdf.l_margin + _LABEL_MM, top + 2)
    pdf.set_text_color(0)
    pdf.multi_cell(_TEXT_MM, _LINE_MM, said, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.set_y(max(pdf.get_y(), label_ends if pdf.get_y() > top else 0))


def _broken(pdf: FPDF, said: str) -> Iterator[str]:
    """Its lines; none begins with a closing sign, which takes the character before it along."""
    while True:
        lines = pdf.multi_cell(_TEXT_MM, _LINE_MM, said, align="L", dry_run=True, output=MethodReturnValue.LINES)
        first, *rest = map(str, lines)  # type: ignore[arg-type]  # asked for nothing but the lines
        if not rest:
            yield said
            return
        cut = len(first) - (rest[0][:1] in NOT_AT_LINE_START)
        yield said[:cut]
        said = said[cut:].lstrip()
