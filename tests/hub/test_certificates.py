"""Certificates from the filed case to the sealed paper: what the department draws, what a machine believes, who checks.

One hub for the file; real envelopes, real PDF signatures, the public page over HTTP.
"""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from hub.certificates import Asked, Drawing, _lines, draw
from hub.departments import departments
from hub.seals import Seal
from hub.tries import WRONG_CODES_OF_A_CASE
from kiosk.messages.certificates import MOST_PAGES, BadSeal, Statement, read_sealed, statement_text
from kiosk.messages.encoding import from_text
from kiosk.messages.envelope import new_key
from kiosk.messages.seal import new_sign_key
from kiosk.text import same, text
from tests.hub.fixtures import PEOPLE, ROOT, TODAY, Machine, RunningHub, case_form, number_of
from tests.waiting import HANG_S, eventually

NOW = datetime(2027, 1, 12, 4, tzinfo=UTC)
HUB_KEYS = new_sign_key()
OFFENCES, REGISTER, JOURNEYS = "H08", "H09", "E12"


def filed(machine: Machine, person: str, service: str, **answers: str) -> tuple[str, str]:
    """A case with these answers, decided: its key and its receipt number."""
    number = f"certificate-{uuid4().hex[:10]}"
    form = msgspec.json.decode(case_form(person, service, number))
    sent = machine.envelope("case", msgspec.json.encode({**form, "answers": answers}))
    machine.deliver(sent)
    eventually(lambda: {"accepted", "not_accepted"} & set(machine.states(number)), f"{number} is decided")
    return sent.key, number


def answers_of(hub: RunningHub, person: str, answer: str) -> None:
    number = number_of(person)
    hub.sql("update household.offences_answer set answer = %s where id_number = %s returning 1", answer, number)


def paper(machine: Machine, person: str, service: str, key: str) -> Any:
    return machine.ask("certificate", service=service, id_number=number_of(person), key=key)


@pytest.mark.parametrize("answer", ["clear", "sealed"])
def test_who_has_no_record_or_a_sealed_one_gets_a_paper_that_proves_itself(
    hub: RunningHub, machine: Machine, answer: str
) -> None:
    answers_of(hub, "zhao", answer)
    key, _ = filed(machine, "zhao", OFFENCES, purpose="work")
    told = paper(machine, "zhao", OFFENCES, key)
    assert told.state == "ready"
    pdf = from_text(told.pdf)
    statement = read_sealed(pdf, [hub.said["verify_key"]], machine.clock.now())
    assert statement.id_number == number_of("zhao")
    assert (statement.number, statement.code, statement.department) == (told.number, told.code, "household")
    assert statement.issued_on == TODAY
    assert paper(machine, "zhao", OFFENCES, key) == told, "the same paper each time"


def test_later_and_refused_look_alike_on_the_wire_and_in_the_progress(hub: RunningHub, machine: Machine) -> None:
    told, states = [], []
    for answer in ("record", "conflict"):
        answers_of(hub, "wang", answer)
        key, number = filed(machine, "wang", OFFENCES, purpose="work")
        told.append(msgspec.json.encode(paper(machine, "wang", OFFENCES, key)))
        case = machine.case(number)
        assert case
        states.append(([(s.state, s.reasons, s.note) for s in case.states], case.promised_date))
    told.append(msgspec.json.encode(paper(machine, "wang", OFFENCES, new_key())))
    assert told == [b'{"state":"window"}'] * 3
    assert states[0] == states[1]
    assert "accepted" in [state for state, _, _ in states[0][0]]
    stopped = hub.sql(
        "select state, stopped_on from household.offences_case where id_number = %s order by state", number_of("wang")
    )
    assert stopped == [("investigated", TODAY), ("notice", None)]


@pytest.mark.attack(5)
def test_nobody_gets_the_paper_of_another_person(hub: RunningHub, machine: Machine) -> None:
    answers_of(hub, "zhao", "clear")
    key, _ = filed(machine, "zhao", OFFENCES, purpose="abroad")
    assert paper(machine, "wang", OFFENCES, key).state == "window"
    assert paper(machine, "zhao", REGISTER, key).state == "window"


@pytest.mark.parametrize("kind", ["changed", "kinship", "cancelled"])
def test_entries_of_the_register_are_certified_and_nothing_else(machine: Machine, kind: str) -> None:
    key, _ = filed(machine, "zhao", REGISTER, certificate_kind=kind)
    assert paper(machine, "zhao", REGISTER, key).state == "ready"


def test_what_nobody_needs_a_certificate_of_is_not_accepted_with_its_reason(machine: Machine) -> None:
    _, number = filed(machine, "zhao", REGISTER, certificate_kind="identity")
    case = machine.case(number)
    assert case
    assert case.states[-1].reasons == ["no_certificate_needed"]


@pytest.mark.parametrize("office", ["certificate.register_office", "certificate.exit_entry_office", "records.issuer"])
def test_both_languages_name_the_bureau_whose_seal_is_on_it(office: str) -> None:
    assert "市公安局" in text(office).zh
    assert "public security bureau" in text(office).en


@pytest.mark.parametrize(("service", "purpose"), [(OFFENCES, "work"), (JOURNEYS, "tax")])
def test_what_it_is_for_stands_there_in_both_languages(
    hub: RunningHub, machine: Machine, monkeypatch: pytest.MonkeyPatch, service: str, purpose: str
) -> None:
    answers_of(hub, "zhao", "clear")
    key, _ = filed(machine, "zhao", service, purpose=purpose)
    department = departments()["household" if service == OFFENCES else "exit_entry"]
    words: list[str] = []

    async def drawn_only(_conn: Any, _department: str, asked: Asked, drawing: Drawing) -> None:
        statement = Statement("", "", service, department.key, asked.id_number, TODAY, "")
        words.extend(line.words for line in _lines(drawing, statement, ""))

    async def ask() -> None:
        async with await psycopg.AsyncConnection.connect(hub.dsn) as conn:
            seal: Any = None
            await department.certificate(conn, Asked(key, service, number_of("zhao"), TODAY, seal))

    monkeypatch.setattr(f"hub.departments.{department.key}.certificates.issue", drawn_only)
    asyncio.run(ask())
    said = text(f"certificate.purpose_{purpose}")
    assert f"用途 Purpose: {said.zh} {said.en}" in words
    assert "".join(words).count(number_of("zhao")) == 1, "what is the same in both stands there once"


@cache
def drawn() -> bytes:
    """Drawn once for the whole file: a drawing takes most of a second."""
    words = same("证明")
    statement = Statement("H0820270112", "CODE", OFFENCES, "household", "990101", TODAY)
    return draw(Drawing(words, (words,), (), "赵德福", words), statement, "https://city.example/certificates")


def sealed(department: str = "household", *, vouched_by: str = HUB_KEYS.private, now: datetime = NOW) -> bytes:
    return Seal(department, generate_private_key(SECP256R1()), vouched_by=vouched_by, now=now).on(drawn())


def sheets(count: int, box: str = "0 0 595 842", *, page: str = "", catalog: str = "") -> bytes:
    """Truly sealed, with the right statement, but not what our department draws: so many pages of this size."""
    statement = Statement("H0820270112", "CODE", OFFENCES, "household", "990101", TODAY)
    kids = " ".join(f"{number} 0 R" for number in range(4, 4 + count))
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>",
        f"<< /Type /Pages /Kids [{kids}] /Count 1 >>",
        f"<< /Subject ({statement_text(statement)}) >>",
        *[f"<< /Type /Page /Parent 2 0 R /MediaBox [{box}] {page} >>"] * count,
    ]
    out, places = b"%PDF-1.7\n", []
    for number, words in enumerate(objects, 1):
        places.append(b"%010d 00000 n \n" % len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, words.encode())
    table = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, b"".join(places))
    end = b"trailer\n<< /Size %d /Root 1 0 R /Info 3 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
    seal = Seal("household", generate_private_key(SECP256R1()), vouched_by=HUB_KEYS.private, now=NOW)
    return seal.on(out + table + end)


@pytest.mark.attack(5)
@pytest.mark.parametrize(
    "make",
    [
        lambda: sheets(MOST_PAGES + 1),
        lambda: sheets(10_000),
        lambda: sheets(1, "0 0 14400 14400"),
        lambda: sheets(1, "0 0 595 0"),
        lambda: sheets(1, page="/UserUnit 75"),
        lambda: sheets(1, page="/AA << /O << /S /Launch /F (x) >> >>"),
        lambda: sheets(1, catalog="/OpenAction << /S /JavaScript /JS (x) >>"),
        lambda: sheets(1, catalog="/Names << /JavaScript << /Names [] >> >>"),
    ],
    ids=["a_page_too_many", "ten_thousand", "poster", "no_height", "unit", "launch", "script", "named_script"],
)
def test_what_is_no_paper_of_a_few_sheets_is_not_printed_though_it_be_truly_sealed(make: Callable[[], bytes]) -> None:
    """A department's mistake, or a stolen seal, must not empty a machine's paper."""
    with pytest.raises(BadSeal) as refused:
        read_sealed(make(), [HUB_KEYS.public], NOW)
    assert refused.value.reason == "not_printable"


@pytest.mark.parametrize("make", [lambda: sheets(1), lambda: sheets(MOST_PAGES), lambda: sheets(2, "0 0 842 595")])
def test_some_sheets_of_a4_are_a_paper(make: Callable[[], bytes]) -> None:
    assert read_sealed(make(), [HUB_KEYS.public], NOW).service == OFFENCES


def changed(pdf: bytes) -> bytes:
    """The same file with a page that somebody has added after the seal."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    writer.set_info(writer.add_object(writer.prev.trailer_view["/Info"]))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def flipped(pdf: bytes) -> bytes:
    at = pdf.index(b"stream") + 20
    return pdf[:at] + bytes([pdf[at] ^ 1]) + pdf[at + 1 :]


@pytest.mark.attack(5)
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: b"", "not_sealed"),
        (lambda: b"%PDF-1.7 and nothing", "not_sealed"),
        (lambda: b"\x00" * 4096, "not_sealed"),
        (lambda: sealed()[:-200], "broken"),
        (lambda: flipped(sealed()), "broken"),
        (lambda: changed(sealed()), "broken"),
        (lambda: sealed(vouched_by=new_sign_key().private), "wrong_signer"),
        (lambda: sealed("traffic"), "wrong_signer"),
        (lambda: sealed(now=NOW - timedelta(days=5000)), "wrong_signer"),
        (lambda: sealed(now=NOW + timedelta(days=5)), "wrong_signer"),
        (lambda: ranged(0, 0, 0, 0), "broken"),
        (lambda: ranged(0, 10, 5, 9999999999), "broken"),
        (lambda: ranged(0, 100, 200, 300), "broken"),
        (lambda: ranged(9, 100, 200, 300), "not_sealed"),
        (lambda: sealed() + sealed(), "not_sealed"),
        (lambda: b"%PDF-1.7\n" + b"[" * 3_000_000, "not_sealed"),
        (lambda: b"/ByteRange [" * 300_000, "not_sealed"),
        (lambda: b"/ByteRange [0 1 4000001 2]<" + b"30" * 2_000_000 + b">", "broken"),
    ],
    ids=[
        *("empty", "no_pdf", "zeros", "cut", "flipped", "changed", "stranger", "other_department", "over", "not_yet"),
        *("covers_nothing", "beyond", "part", "not_from_0", "two", "deep", "ranges", "huge_seal"),
    ],
)
def test_a_paper_that_proves_nothing_is_refused_with_its_reason(make: Callable[[], bytes], reason: str) -> None:
    with pytest.raises(BadSeal) as refused:
        read_sealed(make(), [HUB_KEYS.public], NOW)
    assert refused.value.reason == reason


def endless(mark: bytes = b"") -> bytes:
    """A table of a thousand million entries of no bytes: some readers of PDF count them for ever."""
    table = b"<</Type/XRef/Size 1000000000/W [0 0 0]/Index [0 1000000000]/Root 1 0 R/Length 0>>\nstream\n\nendstream"
    return b"%PDF-1.7\n" + mark + b"1 0 obj\n" + table + b"\nendobj\nstartxref\n%d\n%%%%EOF\n" % (9 + len(mark))


def borrowed() -> bytes:
    """The same with the true seal of another paper, over these bytes."""
    good = sealed()
    hole = good[good.index(b"/Contents <") + 10 : good.index(b">", good.index(b"/Contents <")) + 1]
    start, end = b"%% /ByteRange [0 %010d %010d %010d]\n%% ", b"\n"
    before = 9 + len(start % (0, 0, 0))
    size = len(endless(start % (0, 0, 0) + hole + end))
    return endless(start % (before, before + len(hole), size - before - len(hole)) + hole + end)


def ranged(*numbers: int) -> bytes:
    """A true paper whose seal says that it covers something else."""
    good = sealed()
    start = good.index(b"/ByteRange [") + 12
    end = good.index(b"\n", start)
    return good[:start] + (b"%d %d %d %d]" % numbers).ljust(end - start) + good[end:]


@pytest.mark.attack(5)
@pytest.mark.parametrize(("make", "reason"), [(endless, "not_sealed"), (borrowed, "broken")])
def test_nothing_is_parsed_before_its_seal_is_proved(make: Callable[[], bytes], reason: str) -> None:
    """In a process of its own: what hangs here would hang a machine, in a thread that nobody can end."""
    code = (
        "import sys, datetime; from kiosk.messages.certificates import BadSeal, read_sealed\n"
        "try: read_sealed(sys.stdin.buffer.read(), [sys.argv[1]], datetime.datetime.fromisoformat(sys.argv[2]))\n"
        "except BadSeal as error: print(error.reason)"
    )
    command = [sys.executable, "-c", code, HUB_KEYS.public, NOW.isoformat()]
    done = subprocess.run(command, input=make(), capture_output=True, cwd=ROOT, timeout=HANG_S, check=True)
    assert done.stdout.decode().strip() == reason


def test_a_good_paper_is_read_by_whichever_key_of_the_hub_still_counts() -> None:
    assert read_sealed(sealed(), [new_sign_key().public, HUB_KEYS.public], NOW).service == OFFENCES
    with pytest.raises(BadSeal):
        read_sealed(sealed(), [], NOW)


def look(hub: RunningHub, **query: str) -> str:
    answer = httpx.get(f"{hub.url}/certificates", params=query, timeout=HANG_S)
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    return answer.text


def test_whoever_receives_the_paper_sees_that_it_is_real_and_nothing_without_its_code(
    hub: RunningHub, machine: Machine
) -> None:
    answers_of(hub, "zhao", "clear")
    key, _ = filed(machine, "zhao", OFFENCES, purpose="work")
    told = paper(machine, "zhao", OFFENCES, key)
    page = look(hub, number=told.number, code=f" {told.code[:6].lower()} {told.code[6:]}")
    assert "是真的" in page
    assert "无犯罪记录证明" in page
    assert "赵*福" in page
    assert PEOPLE["zhao"]["card"]["name"] not in page
    assert number_of("zhao") not in page
    assert "没有查到" in look(hub, number=told.number, code="ABCDEFGHJKMN")
    assert "<script>" not in look(hub, number="<script>alert(1)</script>", code="<script>")


@pytest.mark.attack(11)
def test_wrong_codes_of_many_addresses_do_not_shut_somebodys_paper(hub: RunningHub, machine: Machine) -> None:
    answers_of(hub, "zhao", "clear")
    key, _ = filed(machine, "zhao", OFFENCES, purpose="work")
    told = paper(machine, "zhao", OFFENCES, key)
    for n in range(3 * WRONG_CODES_OF_A_CASE):
        asked = "insert into slip_try (kiosk_id, receipt_number, with_code, at) values (%s, %s, true, %s) returning 1"
        hub.sql(asked, f"page 203.0.113.{n}", f"certificate {told.number}", machine.clock.now())
    assert "是真的" in look(hub, number=told.number, code=told.code)


@pytest.mark.attack(5)
def test_an_address_that_guesses_codes_waits(hub: RunningHub) -> None:
    pages = [look(hub, number=f"H0820270112{n:08}", code="ABCDEFGHJKMN") for n in range(32)]
    assert "次数过多" in pages[-1]


def test_a_name_is_counted_and_few_are_not_told(hub: RunningHub, machine: Machine) -> None:
    copies = "insert into household.resident select id_number || n, '王通办', birth, household_number, household_kind, "
    copies += "household_role, address, address_kind, is_local, is_registered, numbers_held, name_can_be_written, "
    copies += (
        "fingerprints, book_state from household.resident, generate_series(1, 5) n where id_number = %s returning 1"
    )
    hub.sql(copies, number_of("zhao"))
    assert asked(machine, "王通办") == (5, 0)
    assert asked(machine, PEOPLE["zhao"]["card"]["name"]) == (0, 5)


def asked(machine: Machine, name: str) -> tuple[int, int]:
    told: Any = machine.ask("name_count", name=name)
    return told.count, told.below
