"""What recurs is said once, and what holds from a day on holds from that day on."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from kiosk.catalogue import loader, reading
from kiosk.catalogue.check import faults
from kiosk.catalogue.loader import CatalogueError
from kiosk.catalogue.parts import Unfolded

PARTED = Path(__file__).parent / "parted"
"""A catalogue with parts that stays as it is, whatever becomes of the one that is shipped."""
T01, H13, COMMON, TRAFFIC = "traffic/T01.toml", "household/H13.toml", "parts/common.toml", "parts/traffic.toml"
FEE = '[[fees]]\nuse = "licence"\n'
TODAY = date(2027, 1, 12)
DEARER = f"{FEE}valid_to = 2027-06-30\n{FEE}amount_fen = 1500\nvalid_from = 2027-07-01\n"


def with_(*changes: tuple[str, str, str], **more: str) -> dict[str, bytes]:
    """That catalogue, changed: (file, what stands there, what is written instead)."""
    files = loader.read_folder(PARTED)
    for name, old, new in changes:
        assert old in files[name].decode(), old
        files[name] = files[name].decode().replace(old, new, 1).encode()
    return files | {f"{name.replace('__', '/')}.toml": text.encode() for name, text in more.items()}


def service(files: dict[str, bytes], day: date = TODAY, key: str = "T01") -> Any:
    return loader.parse(Path("catalogue"), files, day=day).services[key]


def told(files: dict[str, bytes]) -> list[str]:
    return [str(fault) for fault in faults(files, day=TODAY)]


def test_a_part_stands_where_it_is_used_and_other_keys_change_it() -> None:
    t01 = service(with_((T01, FEE, f"{FEE}amount_fen = 1200\n")))
    assert [step.kind for step in t01.steps[:3]] == ["identify", "verify", "eligibility"], "all tables of a part"
    assert (t01.fees[0].amount_fen, t01.fees[0].basis) == (1200, "发改价格〔2004〕2831号")
    assert t01.applicant.min_age == 18
    assert len(t01.applicant.cards) == 4, "a single table uses one too"
    assert t01.steps[4].fields[0].name == "phone", "a part uses parts"


def test_a_text_is_a_part_too() -> None:
    files = with_(
        (T01, 'key = "T01"', 'key = "T01"\nvoice_text = { use = "here" }\npauses = [{ use = "holds_one" }]'),
        parts__words='[texts]\nhere = { zh = "在本机", en = "Here" }\nholds_one = { zh = "持有驾驶证", en = "One" }',
    )
    assert told(files) == []
    assert service(files).voice_text.zh == "在本机"
    assert [text.en for text in service(files).pauses] == ["One"]


def test_a_rule_holds_from_its_first_day_to_its_last() -> None:
    files = with_((T01, FEE, DEARER))
    assert told(files) == []
    days = {date(2027, 6, 30): [1000], date(2027, 7, 1): [1500]}
    assert {day: [fee.amount_fen for fee in service(files, day).fees] for day in days} == days


def test_a_service_and_a_limit_have_their_days() -> None:
    limits = (
        '[[limit_law]]\nn = 1\nunit = "d"\nvalid_to = 2027-02-28\n'
        '[[limit_law]]\nn = 0\nunit = "wd"\nvalid_from = 2027-03-01\n'
    )
    files = with_(
        (T01, '[limit_law]\nn = 1\nunit = "d"\n', limits),
        ("common/C03.toml", "icon =", "valid_from = 2027-02-01\nicon ="),
    )
    assert told(files) == []
    assert [service(files, date(2027, month, 1)).limit_law.n for month in (2, 3)] == [1, 0]
    keys = [loader.parse(Path("c"), files, day=date(2027, month, 1)).services.keys() for month in (1, 2)]
    assert ["C03" in each for each in keys] == [False, True]


MISTAKES = [
    # (file, what stands there, what is written instead), the line that is told
    (
        (T01, 'use = "medical_recent"', 'use = "medical_recently"'),
        f"{T01}:84: checks[6].use: no part checks.medical_recently; is it medical_recent? (parts/*.toml)",
    ),
    (
        (TRAFFIC, 'fact = "medical_on"', 'fact = "medical_of"'),
        f"{TRAFFIC}:55: checks.medical_recent.fact: traffic sends no fact 'medical_of' (as {T01} uses it); is it med",
    ),
    (
        (T01, 'use = "medical_recent"', 'use = "medical_recent"\nvalue = "six"'),
        f"{T01}:85: checks[6].value: 'six' is no number of days or months; write a whole number",
    ),
    (
        (T01, 'use = "apply"', 'use = "apply"\nname = "x"'),
        f"{T01}:94: steps[3]: steps.apply has several tables: name of which?; change one",
    ),
    (
        (COMMON, 'kind = "review"', 'use = "apply"'),
        f"{COMMON}:25: steps.apply[0].use: uses itself: apply → apply (as {H13} uses it); take one of them out",
    ),
    (
        (COMMON, "[steps.contact]", '[checks.forgotten]\nid = "x"\n[steps.contact]'),
        f"{COMMON}:35: checks.forgotten: is used by nothing; use it, or remove it",
    ),
    (
        (COMMON, "[steps.contact]", "[step.contact]"),
        f"{COMMON}:35: step: no kind of part 'step'; [<kind>.<name>], is it steps?",
    ),
    (
        (TRAFFIC, "[fees.licence]", "[applicant.any_card]\n[fees.licence]"),
        f"{TRAFFIC}:7: applicant.any_card: stands in {COMMON} too; give each its own name",
    ),
    (
        (T01, FEE, DEARER.replace("1500", "-1")),
        f"{T01}:52: fees[1].amount_fen: a fee is more than 0 fen (from 2027-07-01 on); leave out what is free",
    ),
    (
        (T01, FEE, f'{FEE}valid_from = "May"\n'),
        f"{T01}:49: fees[0].valid_from: 'May' is not a date like 2027-03-01; write a date like 2027-03-01",
    ),
]


@pytest.mark.parametrize(("change", "line"), MISTAKES, ids=[change[2][:30] for change, _ in MISTAKES])
def test_a_mistake_is_told_where_it_was_written(change: tuple[str, str, str], line: str) -> None:
    assert any(each.startswith(line) for each in told(with_(change)))


def test_parts_that_use_each_other_in_a_circle_are_refused_with_the_way() -> None:
    circle = '[steps.a]\nuse = "b"\n[steps.b]\nuse = "a"\n'
    files = with_((T01, 'use = "contact"', 'use = "a"'), parts__circle=circle)
    assert any("uses itself: a → b → a" in line for line in told(files))
    with pytest.raises(CatalogueError, match="uses itself: a → b → a"):
        service(files)


@pytest.mark.attack(7)
def test_parts_that_multiply_are_refused_before_they_fill_the_machine() -> None:
    doubled = "".join(f'[[steps.x{n}]]\nuse = "x{n + 1}"\n' * 2 for n in range(30))
    files = with_((T01, 'use = "contact"', 'use = "x0"'), parts__many=f'{doubled}[steps.x30]\nkind = "sign"\n')
    assert any("more than 5000 tables come of this" in line for line in told(files))


BUNDLE = """key = "B99"
name = { zh = "一件事", en = "One thing" }
icon = "files"
parts = [
    { service = "T01", after = ["H13"] },
    { service = "H13", after = ["E13"], only_if = { fact = "permit_state", op = "each_one_of", value = ["normal"] } },
    { service = "E13", optional = true },
]
"""


def test_a_bundle_is_read_with_its_services_of_the_day() -> None:
    files = with_(("exit_entry/E13.toml", "icon =", "valid_to = 2027-01-31\nicon ="), bundles__B99=BUNDLE)
    for month, keys in ((1, ["T01", "H13", "E13"]), (2, ["T01", "H13"])):
        bundle = loader.parse(Path("catalogue"), files, day=date(2027, month, 1)).bundles["B99"]
        assert [part.service for part in bundle.parts] == keys
    assert told(with_(bundles__B99=BUNDLE)) == []


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            '"E13", optional = true',
            '"E13", after = ["T01"]',
            ":5: parts[0].after: comes after itself: T01 → H13 → E13 → T01",
        ),
        ('service = "E13"', 'service = "E31"', ":7: parts[2].service: no service 'E31'; is it E13?"),
        ('after = ["E13"]', 'after = ["E31"]', ":6: parts[1].after[0]: 'E31' is no service of this bundle; is it E13?"),
        ('"permit_state"', '"permit_stat"', ":6: parts[1].only_if.fact: household sends no fact 'permit_stat'"),
        (
            '"E13", optional',
            '"E13", fulfilled = ["no_chek"], optional',
            ":7: parts[2].fulfilled[0]: E13 has no check 'no_chek'",
        ),
        ('"B99"', '"B98"', ":1: key: 'B98' stands in the file B99.toml; write 'B99'"),
    ],
)
def test_a_mistake_in_a_bundle_is_told(old: str, new: str, line: str) -> None:
    assert any(f"bundles/B99.toml{line}" in each for each in told(with_(bundles__B99=BUNDLE.replace(old, new))))


def test_what_is_so_on_all_days_is_put_together_once(monkeypatch: pytest.MonkeyPatch) -> None:
    put_together: list[tuple[str, date | None]] = []

    class Counted(Unfolded):
        def __init__(self, file: str, table: Any, parts: Any, day: date | None) -> None:
            put_together.append((file, day))
            super().__init__(file, table, parts, day)

    monkeypatch.setattr(reading, "Unfolded", Counted)
    reading.forget_readings()
    files = with_((T01, FEE, DEARER))
    assert told(files) == []
    assert service(files).fees[0].amount_fen == 1000
    assert service(files, date(2027, 7, 1)).fees[0].amount_fen == 1500
    undated = [file for file, _ in put_together if file != T01]
    assert len(undated) == len(set(undated)), "judged, loaded and switched, each file once"
    assert {day for file, day in put_together if file == T01} >= {TODAY, date(2027, 7, 1)}
