"""证明: printed when its seal holds and it is this person's own; otherwise nothing comes out, and the page says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from devices.contract import Completed
from devices.page_printer.job import Outcome, PageResult
from devices.vocabulary import Completion
from hub.certificates import Drawing, draw
from hub.seals import Seal
from kiosk.messages.certificates import Statement
from kiosk.messages.encoding import to_text
from kiosk.messages.questions import CertificateAnswer
from kiosk.messages.register import NameCountAnswer
from kiosk.messages.seal import new_sign_key
from kiosk.text import same, text
from tests.kiosk.journey.conftest import ZHAO, Counter, words

KEYS = new_sign_key()
NUMBER, CODE = "H082027011200000001", "K7M2XR9QWC4T"


NOW = datetime(2027, 1, 12, 2, tzinfo=UTC)


@cache
def drawn(id_number: str) -> bytes:
    """Drawn once for the whole file: a drawing takes most of a second."""
    title = same("无犯罪记录证明")
    statement = Statement(NUMBER, CODE, "H08", "household", id_number, NOW.date())
    return draw(Drawing(title, (title,), (), "赵德福", title), statement, "")


def sealed(*, id_number: str = ZHAO.number, department: str = "household", key: str = KEYS.private) -> str:
    seal = Seal(department, generate_private_key(SECP256R1()), vouched_by=key, now=NOW)
    return to_text(seal.on(drawn(id_number)))


def ready(pdf: str, number: str = NUMBER) -> CertificateAnswer:
    return CertificateAnswer("ready", number, CODE, pdf)


@pytest.fixture
def only_the_step(counter: Counter) -> Counter:
    """H08 after its case was filed."""
    counter.steps("H08", "certificate")
    counter.visit.card = ZHAO
    counter.online()
    known = counter.machine.hub_keys
    known.keys = msgspec.structs.replace(known.keys, verify_key=KEYS.public)
    return counter


async def test_without_an_a4_printer_number_and_code_are_handed_over_on_a_slip(only_the_step: Counter) -> None:
    counter = only_the_step
    counter.answers["certificate"] = ready(sealed())
    async with counter.doing("H08"):
        page = await counter.first("certificate")
        assert NUMBER in words(page)
        assert ZHAO.number not in words(page)
        await counter.touch("print", "printed")
        await counter.touch("continue", "certificate")
        counter.last("next")
    (slip,) = counter.papers
    assert NUMBER in slip
    assert CODE in slip


async def test_the_sealed_bytes_go_to_the_a4_printer_as_they_came(only_the_step: Counter, monkeypatch: Any) -> None:
    counter, jobs = only_the_step, []
    pdf = sealed()
    counter.answers["certificate"] = ready(pdf)

    async def call(_name: str, command: str, _limit_s: float, **arguments: Any) -> Completed:
        jobs.append((command, arguments["job"]))
        return Completed(Completion.SUCCESS, PageResult(Outcome.PRINTED))

    monkeypatch.setattr(counter.machine.peripherals, "is_usable", lambda kind: kind == "page_printer")
    monkeypatch.setattr(counter.machine.peripherals, "call", call)
    async with counter.doing("H08"):
        await counter.first("certificate")
        await counter.touch("print", "certificate_printed")
        counter.last("continue")
    ((command, job),) = jobs
    assert command == "print_pages"
    assert to_text(job.pdf) == pdf


@pytest.mark.attack(5)
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: ready(sealed()[: len(sealed()) // 8 * 4]), "not_sealed"),
        (lambda: ready("A"), "not base64url without padding"),
        (lambda: ready(to_text(b"%PDF-1.7 nothing")), "not_sealed"),
        (lambda: ready(sealed(key=new_sign_key().private)), "wrong_signer"),
        (lambda: ready(sealed(department="traffic")), "wrong_signer"),
        (lambda: ready(sealed(id_number="990101199003070027")), "other_certificate"),
        (lambda: ready(sealed(), "H082027011200000002"), "other_certificate"),
    ],
    ids=["cut", "no_text", "no_pdf", "stranger", "other_department", "other_person", "other_number"],
)
async def test_what_does_not_prove_itself_is_not_printed_and_asks_for_a_person(
    only_the_step: Counter, make: Callable[[], CertificateAnswer], reason: str
) -> None:
    counter, alarms = only_the_step, []
    counter.answers["certificate"] = make()
    counter.machine.alarm = lambda what, why: alarms.append((what, why))  # type: ignore[method-assign]
    async with counter.doing("H08"):
        assert text("certificate.unverified_lead").zh in words(await counter.first("certificate_unverified"))
        counter.last("continue")
    assert alarms == [("certificate_refused", reason)]
    assert counter.papers == []


async def test_whatever_the_reason_is_the_public_screen_says_the_same(only_the_step: Counter) -> None:
    counter = only_the_step
    counter.answers["certificate"] = CertificateAnswer("window")
    async with counter.doing("H08"):
        assert "结果已生成，请凭身份证到窗口领取" in words(await counter.first("certificate_window"))
        counter.last("continue")


async def test_without_a_network_the_case_is_kept_and_the_page_says_so(only_the_step: Counter) -> None:
    counter = only_the_step
    async with counter.doing("H08"):
        await counter.first("certificate_later")
        counter.last("continue")


async def test_how_many_have_a_name_is_told_and_few_are_not(counter: Counter) -> None:
    counter.steps("H15", "name_count")
    counter.online()
    told = {"王伟": NameCountAnswer(41), "赵𠮷": NameCountAnswer(0, 5)}
    counter.answers["name_count"] = lambda question: told[question.name]
    async with counter.doing("H15"):
        await counter.first("name_count")
        assert "不要数字" in words(await counter.touch("next", "name_count", full_name="王1"))
        assert "全市 41 人" in words(await counter.touch("next", "name_count_result", full_name="王伟"))
        await counter.touch("back", "name_count")
        assert "不到 5 人" in words(await counter.touch("next", "name_count_result", full_name=" 赵𠮷 "))
        counter.last("next")


async def test_who_asks_for_a_paper_that_nobody_needs_hears_what_serves_instead(counter: Counter) -> None:
    service = counter.machine.catalogue.services["H09"]
    spec = next(each for each in service.steps if each.kind == "not_needed")
    counter.machine.catalogue.services["H09"] = msgspec.structs.replace(
        service, steps=(msgspec.structs.replace(spec, only_if=()),)
    )
    async with counter.doing("H09"):
        assert "公通字〔2016〕21号" in words(await counter.first("not_needed"))
        await counter.touch("print", "printed")
        await counter.touch("continue", "not_needed")
        counter.last("leave")
    assert "无需开具证明告知单" in counter.papers[0]
