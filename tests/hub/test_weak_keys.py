"""Keys under which anybody signs, or to which everybody can open what is sealed, are refused where they come in."""

from __future__ import annotations

import msgspec
import pytest

from kiosk.messages import questions, requests, seal
from kiosk.messages.encoding import InvalidMessage, to_text
from kiosk.messages.fleet import Enrolment, KeyStatement, is_stated, sign_hub_keys
from kiosk.messages.suites import SUITES
from tests.hub.fixtures import Machine, RunningHub

pytestmark = pytest.mark.attack(7)

P = 2**255 - 19
_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
SIGN_EVERYTHING = [y | sign << 255 for y in (0, 1, P - 1, _ORDER_8, P - _ORDER_8, P, P + 1) for sign in (0, 1)]
"""Every point of the Ed25519 curve whose order divides 8, and those that are written in a second form."""
SEAL_TO_EVERYBODY = [
    *(0, 1, P - 1, P, P + 1),
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
]
"""Every point of the X25519 curve and its twist of an order that divides 8 (RFC 7748 §6.1)."""


def key(number: int) -> str:
    return to_text(number.to_bytes(32, "little"))


def off_the_curve() -> list[bytes]:
    """What looks like an SM2 key: no point, a point with one bit changed, one above the field, the wrong form."""
    good = bytes.fromhex("04") + SUITES["gm"].new_sign_key()[1][1:]
    return [b"\4" + bytes(64), b"\4" + b"\1" * 64, good[:-1] + bytes([good[-1] ^ 1]), b"\4" + b"\xff" * 64, good[1:]]


@pytest.mark.parametrize("number", SIGN_EVERYTHING, ids=hex)
def test_a_sign_key_that_proves_nobody_is_not_enrolled(hub: RunningHub, number: int) -> None:
    code = hub.demo("POST", "codes")["code"]
    stranger = Machine(hub, "K-weak-1")
    body = msgspec.json.encode(Enrolment(code, stranger.kiosk_id, key(number)))
    # R = the identity and S = 0 is a signature of anything under such a key, one time in eight at least.
    forged = to_text((1).to_bytes(32, "little") + bytes(32))
    for _ in range(40):
        signed = stranger.signed("POST", "/v1/enrolments", body) | {requests.SIGNATURE: forged}
        answer = stranger.client.post("/v1/enrolments", content=body, headers=signed)
        assert (answer.status_code, answer.json()["field"]) == (422, "public_key")
    assert hub.sql("select 1 from kiosk where kiosk_id = %s", stranger.kiosk_id) == []


@pytest.mark.parametrize("public", off_the_curve(), ids=["zeros", "ones", "one bit", "above the field", "no form"])
def test_what_is_no_point_of_the_sm2_curve_is_not_enrolled(hub: RunningHub, public: bytes) -> None:
    stranger = Machine(hub, "K-weak-2")
    wish = Enrolment(hub.demo("POST", "codes")["code"], stranger.kiosk_id, to_text(public), "gm")
    answer = stranger.call("POST", "/v1/enrolments", msgspec.json.encode(wish), {requests.SUITE: "gm"})
    assert (answer.status_code, answer.json()["field"]) == (422, "public_key")


@pytest.mark.parametrize("answer_key", [*map(key, SEAL_TO_EVERYBODY), "AAAA", "***", ""], ids=lambda text: text[:9])
def test_an_answer_is_not_sealed_to_everybody(hub: RunningHub, machine: Machine, answer_key: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(questions, "new_seal_key", lambda _: seal.KeyPair("", answer_key))
        question = {"receipt_number": "990101"}
        body, _ = questions.seal_question("progress", question, hub.said["seal_key"], machine.kiosk_id)
    answer = machine.call("POST", "/v1/questions/progress", body)
    assert (answer.status_code, answer.json()["field"]) == (422, "answer_key")


@pytest.mark.parametrize("number", SEAL_TO_EVERYBODY, ids=hex)
def test_a_hub_key_to_which_everybody_can_open_is_none(number: int) -> None:
    with pytest.raises(InvalidMessage):
        seal.require_seal_key(key(number))
    signer = seal.new_sign_key()
    assert not is_stated(sign_hub_keys("k-1", key(number), signer.public, signer.private), "k-1")


@pytest.mark.parametrize("number", SIGN_EVERYTHING, ids=hex)
def test_a_key_statement_by_a_key_that_proves_nobody_states_nothing(number: int) -> None:
    forged = to_text((1).to_bytes(32, "little") + bytes(32))
    seals = seal.new_seal_key().public
    assert not any(is_stated(KeyStatement(seals, key(number), forged), f"k-{n}") for n in range(40))


@pytest.mark.parametrize("suite", SUITES)
def test_honest_keys_are_good(suite: str) -> None:
    for _ in range(20):
        pair = seal.new_sign_key(suite)
        assert is_stated(
            sign_hub_keys("k", seal.new_seal_key(suite).public, pair.public, pair.private, suite), "k", suite
        )
