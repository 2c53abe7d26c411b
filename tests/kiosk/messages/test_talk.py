"""Receipts, signed requests, questions and contents."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
import pytest

from kiosk.case_watch import word_of
from kiosk.messages import (
    bills,
    content,
    envelope,
    hall,
    handover,
    lockers,
    places,
    plates,
    questions,
    receipts,
    register,
    requests,
)
from kiosk.messages.encoding import BadSignature, InvalidMessage, canonical_json, sha256_hex
from kiosk.messages.seal import SealBroken, new_seal_key, new_sign_key

HUB_SEAL, HUB_SIGN, KIOSK = new_seal_key(), new_sign_key(), new_sign_key()
KEY, DIGEST, AT = envelope.new_key(), sha256_hex(b"x"), "2027-01-12T02:30:00.000Z"


def receipt() -> receipts.Receipt:
    return receipts.sign_receipt(KEY, DIGEST, hub_seq=7, received_at=AT, private_key=HUB_SIGN.private)


def test_a_receipt_proves_one_envelope() -> None:
    back = receipts.parse_receipt(receipts.receipt_bytes(receipt()))
    assert back == receipt()
    receipts.verify_receipt(back, HUB_SIGN.public, key=KEY, sha256=DIGEST)


@pytest.mark.parametrize(
    "change",
    [{"hub_seq": 8}, {"received_at": "2027-01-13T02:30:00.000Z"}, {"sha256": "0" * 64}, {"key": envelope.new_key()}],
)
def test_a_changed_receipt_proves_nothing(change: dict) -> None:
    forged = msgspec.structs.replace(receipt(), **change)
    with pytest.raises(BadSignature):
        receipts.verify_receipt(forged, HUB_SIGN.public, key=KEY, sha256=DIGEST)
    with pytest.raises(BadSignature):
        receipts.verify_receipt(forged, HUB_SIGN.public, key=forged.key, sha256=forged.sha256)


@pytest.mark.attack(7)
@pytest.mark.parametrize(
    "other", [{"sha256": "0" * 64}, {"key": envelope.new_key()}], ids=lambda other: next(iter(other))
)
def test_what_the_hub_has_truly_said_of_another_envelope_proves_nothing_of_this_one(other: dict) -> None:
    said = {"key": KEY, "sha256": DIGEST, **other}
    true = receipts.sign_receipt(*said.values(), hub_seq=7, received_at=AT, private_key=HUB_SIGN.private)
    refusal = receipts.sign_refusal(*said.values(), status=409, reason="held", private_key=HUB_SIGN.private)
    for answer in (true, refusal):
        receipts.verify_answer(answer, HUB_SIGN.public, **said)
        with pytest.raises(BadSignature):
            receipts.verify_answer(answer, HUB_SIGN.public, key=KEY, sha256=DIGEST)


@pytest.mark.parametrize("body", [b"<html>portal</html>", b"{}", b'{"ok": true}', b""])
def test_what_is_no_receipt_is_none(body: bytes) -> None:
    with pytest.raises(InvalidMessage):
        receipts.parse_receipt(body)


def stamped(**sign: object) -> requests.Stamp:
    words = {"kiosk_id": "K-1", "private_key": KIOSK.private, "time_s": 1000, "host": "hub:8443"} | sign
    return requests.read_stamp(requests.sign_request("PUT", "/v1/x?y=1", b"body", **words))


SIGNED = requests.Call("PUT", "/v1/x?y=1", sha256_hex(b"body"), "HUB:8443")


def check(stamp: requests.Stamp, now_s: int = 1000, **change: str) -> None:
    requests.verify_request(stamp, SIGNED._replace(**change), public_key=KIOSK.public, now_s=now_s)


def test_a_signed_request_verifies_within_the_window() -> None:
    stamp = stamped()
    for now_s in (700, 1000, 1300):
        check(stamp, now_s=now_s)
    for now_s in (699, 1301):
        with pytest.raises(requests.WrongTime):
            check(stamp, now_s=now_s)
    assert stamped().nonce != stamped().nonce


OTHERS = [
    {"method": "POST"},
    {"path": "/v1/x"},
    {"body_sha256": sha256_hex(b"b")},
    {"host": "other:8443"},
    {"content_range": "bytes 0-3/8"},
]


@pytest.mark.attack(7)
@pytest.mark.parametrize("change", OTHERS, ids=lambda change: next(iter(change)))
def test_another_request_than_the_signed_one_is_refused(change: dict) -> None:
    with pytest.raises(BadSignature):
        check(stamped(), **change)


@pytest.mark.attack(7)
@pytest.mark.parametrize("change", [{"kiosk_id": "K-2"}, {"form": 1}, {"body_sha256": sha256_hex(b"b")}])
def test_another_stamp_than_the_signed_one_is_refused(change: dict) -> None:
    with pytest.raises(BadSignature):
        check(stamped()._replace(**change))


ANSWER_TO_ANOTHER = [{"nonce": "another-nonce-of-18"}, {"kiosk_id": "K-2"}, {"status": 201}, {"body": b"{ }"}]


@pytest.mark.attack(7)
@pytest.mark.parametrize("change", ANSWER_TO_ANOTHER, ids=lambda change: next(iter(change)))
def test_the_hubs_answer_to_one_request_is_no_answer_to_another(change: dict) -> None:
    stamp = stamped()
    signature = requests.sign_answer(200, b"{}", stamp, HUB_SIGN.private)
    heard = {"status": 200, "body": b"{}", "kiosk_id": "K-1", "nonce": stamp.nonce, "verify_key": HUB_SIGN.public}
    requests.verify_answer(signature, **heard)
    with pytest.raises(BadSignature):
        requests.verify_answer(signature, **(heard | change))


def test_a_machine_of_before_signs_in_form_1() -> None:
    stamp = stamped(form=1)
    assert (stamp.form, stamp.body_sha256) == (1, "")
    check(stamp)


@pytest.mark.parametrize("form", ["0", "1", "3", "", "two"])
def test_a_form_that_is_not_known_is_named(form: str) -> None:
    headers = requests.sign_request("GET", "/", b"", kiosk_id="K", private_key=KIOSK.private, time_s=1, host="h")
    with pytest.raises(BadSignature, match=requests.FORM):
        requests.read_stamp(headers | {requests.FORM: form or "-"})


@pytest.mark.parametrize("header", [requests.KIOSK, requests.TIME, requests.NONCE, requests.SIGNATURE, requests.BODY])
@pytest.mark.parametrize("value", [None, "", "é" * 20, "x" * 600])
def test_a_request_without_a_proper_header_is_refused(header: str, value: str | None) -> None:
    headers = requests.sign_request("GET", "/", b"", kiosk_id="K", private_key=KIOSK.private, time_s=1, host="h")
    with pytest.raises(BadSignature, match=header):
        requests.read_stamp({k: v for k, v in (headers | {header: value}).items() if v is not None})


def asked(kind: str, payload: dict) -> tuple[questions.Asked, questions.Opener]:
    body, opener = questions.seal_question(kind, payload, HUB_SEAL.public, "K-1")
    return questions.open_question(kind, body, HUB_SEAL.private), opener


ANSWERS = {
    "due": ({"id_number": "1"}, questions.DueAnswer([questions.DueFact("T01", {"a": "b"}, date(2027, 3, 28))], ["x"])),
    "eligibility": (
        {"service": "T01", "id_number": "1"},
        questions.EligibilityAnswer({"points": 3, "ok": True, "state": "normal"}, ["window_open"]),
    ),
    "progress": (
        {"receipt_number": "1"},
        questions.ProgressAnswer(
            [
                questions.CaseProgress(
                    "1", "T01", "赵*福", [questions.ProgressState("accepted", AT, "traffic")], date(2027, 1, 13)
                )
            ]
        ),
    ),
    "documents": (
        {"id_number": "1"},
        questions.DocumentsAnswer(
            [
                questions.Document(
                    "hk_macao_permit",
                    "C9****158",
                    date(2031, 6, 17),
                    "valid",
                    [questions.Endorsement("L", "macao", 1, date(2027, 9, 30))],
                )
            ]
        ),
    ),
    "payment": (
        {
            "order": KEY,
            "action": "open",
            "id_number": "1",
            "items": [{"case_id": KEY, "service": "E06", "amount_fen": 1500}],
        },
        questions.PaymentAnswer("unpaid", "https://pay.example/1", 180, items=[questions.PaidItem(KEY, "unpaid")]),
    ),
    "violations": (
        {"id_number": "1", "decision_number": "990100000000001"},
        questions.ViolationsAnswer([questions.Violation("V1", 20000, "open", points=3, is_own_car=True)], points=6),
    ),
    "bills": (
        {"service": "T10", "id_number": "1"},
        bills.BillsAnswer([bills.Bill("990100000000001", "fine", 20000, 600, date(2027, 1, 20))]),
    ),
    "certificate": (
        {"service": "H08", "id_number": "1", "key": KEY},
        questions.CertificateAnswer("ready", "9901", "1234", "JVBERg"),
    ),
    "name_count": ({"name": "赵德福"}, register.NameCountAnswer(0, 5)),
    "park": (
        {"id_number": "1", "service": "T05", "checks": ["medical_recent"]},
        questions.ParkAnswer(date(2027, 1, 13)),
    ),
    "handover": (
        {
            "action": "keep",
            "id_number": "1",
            "service": "H01",
            "said": [{"name": "phone", "value": "13900000001", "label": {"zh": "电话"}}],
        },
        handover.HandoverAnswer("ready", address="/phone?link=x", until="10:10"),
    ),
    "resume": ({"code": "AB2CD3EF"}, handover.ResumeAnswer("found", "B03", ["H01", "T07"])),
    "register": ({"id_number": "1"}, questions.RegisterAnswer(known=True, name="李小䶮", picture="V0VCUA")),
    "slots": (
        {
            "action": "take",
            "service": "C04",
            "counter": "traffic",
            "id_number": "1",
            "key": KEY,
            "begins_at": "2027-01-13T09:30",
        },
        hall.SlotsAnswer("taken", mine=hall.Slot("2027-01-13T09:30", "2027-01-13T10:00", 0, "C005")),
    ),
    "post": (
        {"id_number": "1"},
        hall.PostAnswer([hall.PostCase(KEY, "9901", "H02", "decided", "sent", "通办市***", "EX1")]),
    ),
    "code": (
        {"action": "check", "phone": "13900000001", "id_number": "1", "code": "123456"},
        hall.CodeAnswer("wrong", left=4),
    ),
    "nearby": ({}, places.NearbyAnswer([places.Place({"zh": "试点区办事大厅"}, distance_m=900, machine=("T01",))])),
    "locker": ({"id_number": "1", "key": KEY}, lockers.LockerAnswer(3)),
    "plates": (
        {"action": "choose", "service": "T20", "key": KEY, "id_number": "1", "vehicle": "N1", "number": "通A·0001T"},
        plates.PlatesAnswer("held", drawn=1, left=2, number="通A·0001T", held_min=30, kept_to=date(2027, 2, 11)),
    ),
    "address": ({"words": "示范街 6号"}, hall.AddressAnswer(["通办市试点区示范街6号2栋1203室"], more=True)),
}


@pytest.mark.parametrize("kind", questions.QUESTIONS)
def test_a_question_and_its_answer_go_sealed_both_ways(kind: str) -> None:
    payload, answer = ANSWERS[kind]
    got, opener = asked(kind, payload)
    assert {k: v for k, v in msgspec.to_builtins(got.question).items() if v} == payload
    assert opener.open(questions.seal_answer(got, answer, HUB_SIGN.private), HUB_SIGN.public) == answer


def test_an_answer_opens_for_its_asker_only_and_must_be_the_hubs() -> None:
    payload, answer = ANSWERS["due"]
    got, opener = asked("due", payload)
    body = questions.seal_answer(got, answer, HUB_SIGN.private)
    with pytest.raises(BadSignature):
        opener.open(body, KIOSK.public)
    with pytest.raises(BadSignature):
        asked("due", payload)[1].open(body, HUB_SIGN.public)
    with pytest.raises(SealBroken):
        opener._replace(private_key=new_seal_key().private).open(body, HUB_SIGN.public)
    with pytest.raises(InvalidMessage):
        opener.open(b"<html>", HUB_SIGN.public)


def test_a_question_says_nothing_to_whoever_carries_it() -> None:
    body, _ = questions.seal_question("due", {"id_number": "990101195803170155"}, HUB_SEAL.public, "K-1")
    assert b"99010119" not in body
    with pytest.raises(SealBroken):
        questions.open_question("progress", body, HUB_SEAL.private)


def test_contents_come_back_as_they_were() -> None:
    form = content.CaseForm(
        service="T01",
        catalogue_version="2027.01",
        receipt_number="1",
        applicant=content.Applicant("resident", "王𠮷䶮㛃", "1", "19850506", "990102198505060310"),
        answers={"delivery": "hall"},
        identity=content.Identity("guide", "confirmed", guide_ref="G-1"),
        filed_at=datetime(2027, 1, 12, tzinfo=UTC),
        offline=True,
        language="en",
    )
    assert content.decode_content("case", content.encode_content(form)) == form


def test_what_the_hub_would_not_read_is_not_filed() -> None:
    """The person stands here now; when the hub refuses it they have gone."""
    with pytest.raises(InvalidMessage, match="grade"):
        content.encode_content(content.Rating("1", "T01", 6))
    with pytest.raises(InvalidMessage, match="kind"):
        content.encode_content(content.Complaint("words", "a\nb"))


@pytest.mark.parametrize("value", ["\ud800", {"\ud800": 1}, {"a": ["\ud800"]}, float("inf"), 2**60])
def test_what_json_cannot_say_is_no_message(value: object) -> None:
    with pytest.raises(InvalidMessage):
        canonical_json(value)


@pytest.mark.parametrize(("grade", "field"), [(0, "grade"), (6, "grade"), (None, "grade"), ("5", "grade")])
def test_a_rating_has_five_grades(grade: object, field: str) -> None:
    plain = msgspec.json.encode({"receipt_number": "1", "service": "T01", "grade": grade})
    with pytest.raises(InvalidMessage) as refused:
        content.decode_content("rating", plain)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("note", "reasons"),
    [
        ("medical_recent age", ["medical_recent", "age"]),
        ("medical_recent,age", ["medical_recent", "age"]),
        ("age", ["age"]),
        ("", []),
        ("请到窗口", []),
    ],
)
def test_reasons_of_a_hub_of_before_are_read_from_its_note(note: str, reasons: list[str]) -> None:
    state = {"state": "not_accepted", "at": "2027-01-12T02:00:00Z", "by": "traffic", "note": note}
    case = {"receipt_number": "R", "service": "T01", "masked_name": "*", "states": [state]}
    read = questions.read_answer("progress", msgspec.json.encode({"cases": [case]}))
    assert read.cases[0].states[0].reasons == reasons
    word = word_of(read.cases[0])
    assert word is not None
    assert word.notes == tuple(reasons)


def test_what_a_later_hub_says_is_taken_as_it_is() -> None:
    state = {"state": "sent_to_moon", "at": "x", "by": "ministry", "reasons": ["of_tomorrow"], "colour": "blue"}
    case = {"receipt_number": "R", "service": "Z99", "masked_name": "*", "states": [state], "colour": "blue"}
    read = questions.read_answer("progress", msgspec.json.encode({"cases": [case], "colour": 1}))
    told = read.cases[0].states[0]
    assert (told.state, told.by, told.reasons) == ("sent_to_moon", "ministry", ["of_tomorrow"])
    due = {"items": [{"service": "T01", "facts": {"n": 1, "x": None, "y": [2.5]}, "due_on": None}], "silent": ["rail"]}
    assert questions.read_answer("due", msgspec.json.encode(due)).items[0].facts == {"n": 1, "x": None, "y": [2.5]}
    checks = {"facts": {"a": None, "b": 1.5, "c": ["C1", "E"]}, "failed": ["of_tomorrow"]}
    assert questions.read_answer("eligibility", msgspec.json.encode(checks)).facts == checks["facts"]


def test_one_item_that_cannot_be_read_is_counted_and_the_others_stay() -> None:
    good = {"service": "T01", "facts": {}, "due_on": "2027-02-01"}
    bad = [{**good, "due_on": "next year"}, {**good, "service": None}, "nonsense", {"facts": {}}]
    read = questions.read_answer("due", msgspec.json.encode({"items": [bad[0], good, *bad[1:]]}))
    assert (len(read.items), read.items[0].service, read.unreadable) == (1, "T01", 4)
    document = {"kind": "scroll", "number_masked": "1", "expires_on": "2030-01-01", "state": "torn", "endorsements": []}
    answer = {"documents": [document, {**document, "expires_on": None}]}
    told = questions.read_answer("documents", msgspec.json.encode(answer))
    assert [(d.kind, d.state) for d in told.documents] == [("scroll", "torn")]
    assert told.unreadable == 1


@pytest.mark.parametrize("plain", [b"[]", b"{}", b'{"items": 1}', b"nonsense", b'{"items": [], "silent": 3}'])
def test_an_answer_of_no_known_form_is_none(plain: bytes) -> None:
    with pytest.raises(InvalidMessage):
        questions.read_answer("due", plain)


def test_an_asker_of_before_gets_nothing_that_it_would_refuse() -> None:
    state = questions.ProgressState("not_accepted", "2027-01-12T02:00:00Z", "traffic", "a,b", ["a", "b"])
    answer = questions.ProgressAnswer([questions.CaseProgress("R", "T01", "*", [state])])
    told = msgspec.json.decode(questions.write_answer(answer, 1))
    of_before = {"state", "at", "by", "note"}
    assert set(told) == {"cases"}
    assert set(told["cases"][0]) <= {"receipt_number", "service", "masked_name", "states", "promised_date"}
    assert set(told["cases"][0]["states"][0]) == of_before
    told = msgspec.json.decode(questions.write_answer(answer))
    assert told["cases"][0]["states"][0]["reasons"] == ["a", "b"]
