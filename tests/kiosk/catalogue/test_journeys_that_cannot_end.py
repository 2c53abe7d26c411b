"""What reads well and fails before the person: each such mistake, made in the shipped catalogue, is told to its author."""

from __future__ import annotations

import pytest

from kiosk.catalogue import loader
from kiosk.catalogue.check import faults

H17, H18, B07 = "household/H17.toml", "household/H18.toml", "bundles/B07.toml"
H04, H16, T15 = "household/H04.toml", "household/H16.toml", "traffic/T15.toml"
EIGHT_OR_TWENTY = 'pattern = "[0-9]{8}|[0-9]{20}"'
ISSUED = 'fact = "hk_macao_permits_issued", op = "is", value = 0'
E16 = "exit_entry/E16.toml"
MOVED = '[[steps]]\nkind = "capture"\nname = "move_proof"'
READ = 'label = { zh = "地方", en = "Place" }, after = ["地址"], found = "[0-9]+"'
OF_PAPER = 'what = { zh = "证明", en = "A proof" }\ncounter = { zh = "带到窗口。", en = "Bring it." }\n'
T10, T18, T19 = (f"traffic/T{n}.toml" for n in (10, 18, 19))
WORDS = 'label = { zh = "金额", en = "Sum" }, keys = "digits"'
TYPED = (
    f'[[steps]]\nkind = "form"\ntitle = {{ zh = "多少", en = "How much" }}\n'
    f'fields = [{{ name = "owed", {WORDS} }}, {{ name = "owed_fen", {WORDS} }}]\n'
)
SIGN, PAY, FILE = (f"[[steps]]\n{step}\n" for step in ('kind = "sign"', 'kind = "pay"', 'use = "hand_in"'))

MISTAKES = [
    # file, what stands there, what is written instead, field, what is said, the fix
    (H18, "pages = 3\n", "pages = 0\n", "steps[2].pages", "0 is not a whole number of at least 1 and at most 9", "write a whole"),
    (H18, '"entry_proof"', '"Entry proof"', "steps[2].name", "'Entry proof' is not a name like proof_2", "write a name"),
    ("exit_entry/E01.toml", 'when = { zh = "外省户籍的", en = "If your household is in another province" }\n', "", "limits_if[0].when", "nobody is told whose limit it is", "add when"),
    ("common/C01.toml", 'item_kind = "at_once"', 'item_kind = "promised"', "item_kind", "is done at once, and called", 'item_kind = "at_once"'),
    ("exit_entry/E01.toml", "guardian_below = 16", "guardian_below = 21", "guardian_below", "who is 18 needs no guardian", "write 18 or less"),
    (E16, 'delivery = ["at_once"]', 'delivery = ["at_once"]\nguardian_below = 16', "guardian_below", "no step asks for the guardian", "second_card"),
    (E16, 'delivery = ["at_once"]', 'delivery = ["at_once", "post"]', "delivery", "nobody asks whereto it is posted", "a step delivery"),
    ("household/H07.toml", '[[steps]]\nkind = "locker"', '[[steps]]\nkind = "slip"\n[[steps]]\nkind = "locker"', "steps[6]", "the slip says how it ended", "before the step slip"),
    ("lines.toml", 'services = ["T01", ', 'services = ["T01", "C05", ', "traffic.groups[0].services[1]", "'C05' is no service of this line", "T"),
    ("lines.toml", 'services = ["T01", ', 'services = ["T01", "T01", ', "traffic.groups[0].services[1]", "T01 stands there twice", "name it once"),
    (E16, SIGN + PAY, PAY + SIGN, "steps[3]", "is paid before it is signed", "put it after the step sign"),
    (E16, PAY + FILE, FILE + PAY, "steps[5]", "file comes before it: nothing is done unpaid", "put it before the step file"),
    (E16, PAY + FILE, PAY, "steps[4]", "is paid for no case", "put a step file after it"),
    (E16, "amount_fen = 1000", 'only_if = { fact = "household", op = "is", value = "other_province" }\namount_fen = 1000', "fees[0].only_if", "is never due at the step pay: nobody has said household before it", "the step eligibility"),
    (B07, ISSUED, 'fact = "answers.typo", op = "at_most", value = "tiny"', "parts[0].only_if.fact", "nothing has been answered yet", "a fact of its department"),
    (B07, ISSUED, 'fact = "hk_macao_permits_issued", op = "at_most", value = "tiny"', "parts[0].only_if.value", "'tiny' is not a whole number", "a whole number"),
    (B07, ISSUED, 'fact = "points", op = "at_least", value = 1', "parts[0].only_if.fact", "exit_entry sends no fact 'points'", "one of"),
    (B07, '"E06", after = ["E04"]', '"E06", after = ["E04", "E04"]', "parts[1].after[1]", "E04 stands there twice", "name it once"),
    (B07, '"E07"', '"C05"', "parts[2].service", "C05 is the same for everybody", "leave it out"),
    (T15, EIGHT_OR_TWENTY, 'pattern = "FP[0-9]{8}"', "steps[1].fields[0].pattern", "wants what the keys 'digits' cannot write", '"receipt" for capitals'),
    (T15, EIGHT_OR_TWENTY, 'pattern = "[A-Z]{3}|[0-9]{21}"', "steps[1].fields[0].pattern", "wants more than the 20 characters", "set max_length"),
    (T15, "max_length = 20", "max_length = 7", "steps[1].fields[0].pattern", "wants more than the 7 characters", "set max_length"),
    (T15, 'keys = "digits"', 'keys = "plate"', "steps[1].fields[0].keys", "a plate is judged", 'kind = "plate"'),
    (H04, "younger_than = 18", "younger_than = 18\nmax_length = 15", "steps[1].fields[1].max_length", "id_number has 18 characters at least", "write 18 or more"),
    (H04, "younger_than = 18", "younger_than = 0", "steps[1].fields[1].younger_than", "nobody is so young", "in full years"),
    (H04, 'kind = "id_number"', 'kind = "phone"', "steps[1].fields[1].younger_than", "a phone says nobody's age", "remove it"),
    (H16, 'latest = "today"', 'earliest = "today"\nlatest = "2027-12-31"', "steps[1].fields[1].latest", "no day fits after 2027-12-31", "valid_to = 2027-12-31"),
    (H16, 'latest = "today"', 'earliest = "2199-01-01"\nlatest = "today"', "steps[1].fields[1].earliest", "no day fits before 2199-01-01", "valid_from = 2199-01-01"),
    (H16, 'kind = "date"\nlatest = "today"\nyounger_than = 6', 'kind = "number"\nleast = 10000\nmax_length = 4', "steps[1].fields[1].least", "more than the 4 digits", "max_length"),
    (H16, 'latest = "today"', 'earliest = "2300-01-01"', "steps[1].fields[1].earliest", "no day fits from 2300-01-01 to 2199-12-31", "correct it"),
    (H16, 'latest = "today"', 'latest = "1800-01-01"', "steps[1].fields[1].latest", "no day fits from 1900-01-01 to 1800-01-01", "correct it"),
    (H16, 'latest = "today"', 'earliest = "2027-12-31"\nlatest = "20270101"', "steps[1].fields[1].earliest", "no day fits from 2027-12-31", "correct it"),
    (H16, 'kind = "date"\nlatest = "today"\nyounger_than = 6', 'kind = "number"\nleast = 1000000000000\nmax_length = 20', "steps[1].fields[1].least", "more than the 12 digits", "correct it"),
    (H16, 'kind = "date"\nlatest = "today"\nyounger_than = 6', 'kind = "number"\nmost = -1', "steps[1].fields[1].most", "no keys write", "0 or more"),
    ("parts/exit_entry.toml", '{ id = "locker", label', '{ id = "window", label', "steps.exit_entry_collection.fields[0].options[1].id", "'window' stands there twice", "its own id"),
    (B07, "order = 40", 'order = 40\nshare = ["hong_kon"]', "share[0]", "none of its services asks 'hong_kon'", "is it hong_kong?"),
    ("catalogue.toml", '"2027.01"', f'"2027.01-{"x" * 60}"', "version", "no case can say which catalogue", "one line of at most 64"),
    ("catalogue.toml", '"2027.01"', r'"2027.01\u0009"', "version", "no case can say which catalogue", "one line of at most 64"),
    (H17, 'name = "place"', f'name = "{"place" * 13}"', "steps[2].fields[0].name", "is no name", "at most 60"),
    (H17, 'name = "place"', 'name = "place__2"', "steps[2].fields[0].name", "is no name", "single _"),
    (H17, 'id = "home"', r'id = "home\u0007"', "steps[1].name", "no case can say the answer 'home", "one line"),
    (H17, 'id = "home"', 'id = ""', "steps[1].options[1].id", "who has touched nothing would have chosen it", "give it an id"),
    ("parts/exit_entry.toml", '{ id = "locker", label', '{ id = "", label', "steps.exit_entry_collection.fields[0].options[1].id", "who has touched nothing would have", "give it an id"),
    (H17, MOVED, f'{MOVED[:-1]}_2"\n{OF_PAPER}{MOVED}', "steps[4]", "its paper 'document_move_proof_2' would take the place of one that was taken before", "another name"),
    (H17, MOVED, "".join(f'{MOVED[:-1]}{n}"\npages = 9\n{OF_PAPER}' for n in "abcdefg") + MOVED, "steps", "more than 64 papers", "fewer pages"),
    (H17, 'kind = "region"', 'kind = "region"\nwithin = "77"', "steps[2].fields[0].within", "no division within '77'", "how codes of divisions.toml begin"),
    (H17, 'kind = "region"', 'kind = "region"\noptional = true', "steps[2].fields[0].optional", "nobody can pass over the pages", "take it out"),
    (H18, "pages = 3\n", f'pages = 3\nfields = [{{ name = "where", kind = "region", {READ} }}]\n', "steps[2].fields[0].kind", "a region is not read from a paper", "one of: text"),
    ("parts/traffic.toml", 'fact = "plates"', 'fact = "plate"', "fields.which_car.fact", "neither a step before it nor the department says 'plate'", "is it plates?"),
    (B07, 'key = "B07"', 'key = "赴港澳"', "key", "is not letters and digits only", "write one like B02"),
    (B07, 'key = "B07"', 'key = "together"', "key", "stands for services that a person ticked", "write one like B02"),
    (B07, '"E06", after = ["E04"]', f'"E06", after = {["E04"] * 17}', "parts[1].after", "rests on more than 16 others", "leave out"),
    (T18, 'only_if = { fact = "exam_subject", op = "is", value = 2 }', 'only_if = { fact = "exam_subject", op = "is", value = 1 }', "steps[1].options", "nothing can be chosen by who has exam_subject 2", "without only_if"),
    (T18, 'only_if = { fact = "exam_subject", op = "is", value = 2 }', 'only_if = { fact = "exam_subject", op = "is", value = "two" }', "steps[1].options[1].only_if.value", "'two' is not a whole number", "a whole number"),
    (T19, 'offline = "live"', 'offline = "register"', "steps[2].fields[0].options", "nothing can be chosen while nobody has said ability_bookable", "without only_if"),
    (E16, SIGN + PAY, TYPED + SIGN + PAY.replace('"pay"', '"pay"\nbills = "owed"'), "steps[5].bills", "no department has said what is owed: owed", "bills, violations"),
    (T10, 'bills = "decisions"', 'bills = "decision"', "steps[3].bills", "no department has said what is owed: decision", "bills, violations"),
    (E16, PAY, f"{PAY}with_others = true\n", "fees", "nobody takes this money", "add a step pay"),
    (E16, "amount_fen = 1000", "amount_fen = 100000001", "fees[0].amount_fen", "is more than 1,000,000 yuan", "in fen"),
]  # fmt: skip


def told(*changes: tuple[str, str, str]) -> list[tuple[str, str, str]]:
    """The field, the mistake and the fix of each thing that is said of the shipped catalogue with these changes."""
    files = dict(loader.read_folder(loader.shipped()))
    for name, old, new in changes:
        text = files[name].decode()
        assert old in text, f"{name} has no {old!r}"
        files[name] = text.replace(old, new, 1).encode()
    return [(each.field, each.what, each.fix) for each in faults(files)]


@pytest.mark.parametrize(("name", "old", "new", "field", "what", "fix"), MISTAKES)
def test_the_mistake_is_told_once_with_its_place_and_its_fix(
    name: str, old: str, new: str, field: str, what: str, fix: str
) -> None:
    found = told((name, old, new))
    assert [fix in each[2] for each in found if each[0] == field and what in each[1]] == [True], found


@pytest.mark.parametrize(
    ("name", "old", "new", "what"),
    [
        (
            H17,
            'kind = "choose"\n',
            'kind = "choose"\nonly_if = { fact = "card.weight", op = "is", value = "1" }\n',
            "nobody before this step sends a fact 'card.weight'",
        ),
        (B07, '"hk_macao_permits_issued"', '"permits_out"', "exit_entry sends no fact 'permits_out'"),
    ],
)
def test_who_sends_nothing_is_not_said_to_send_no_thing(name: str, old: str, new: str, what: str) -> None:
    assert any(what in each[1] for each in told((name, old, new)))
