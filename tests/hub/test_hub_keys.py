"""The hub's keys are changed while machines are on, off and away; a key that leaked is ended; nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from hub import keys as hub_keys
from hub.cli import main
from hub.keys import change, load_keys, load_or_make_keys, new_pair, retire
from hub.seals import load_or_make
from kiosk.hub_link.http import NO_KEY
from kiosk.hub_link.identity import Identity
from kiosk.hub_link.known_keys import HubKeys, KnownKeys, present_keys
from kiosk.messages import questions, requests, seal
from kiosk.messages.encoding import BadSignature
from kiosk.messages.fleet import HeartbeatAnswer, sign_hub_keys
from kiosk.messages.receipts import parse_receipt, verify_receipt
from kiosk.messages.seal import SealBroken, key_id
from kiosk.messages.suites import SUITES
from offline_cache.store import Store
from offline_cache.values import Values
from tests.hub.fixtures import TODAY, Machine, RunningHub, case_form
from tests.hub.test_enrolment import command
from tests.waiting import eventually

pytestmark = pytest.mark.attack(13)


class Known:
    """A machine and what its store knows of the hub's keys."""

    def __init__(self, hub: RunningHub, machine: Machine, path: Path) -> None:
        self.hub, self.machine = hub, machine
        self.store = Store.open(str(path), now=machine.clock.now, ballast_mb=0, free_floor_mb=0)
        self.root = {"seal_key": hub.said["seal_key"], "verify_key": hub.said["verify_key"]}
        self.start()

    def start(self) -> None:
        who = Identity(self.machine.kiosk_id, self.machine.keys.private, self.machine.keys.public)
        self.alarms: list[str] = []
        self.known = KnownKeys(Values(self.store), who, **self.root, on_alarm=lambda _, why: self.alarms.append(why))

    @property
    def keys(self) -> HubKeys:
        return self.known.keys

    def call(self, method: str, path: str, body: bytes):
        named = {requests.HUB_KEY: key_id(self.keys.verify_key)}
        return self.machine.call(method, path, body, named)

    def beat(self) -> str:
        """One heartbeat, judged as the machine does it."""
        headers = self.machine.signed("POST", "/v1/heartbeats", b"{}")
        headers[requests.HUB_KEY] = key_id(self.keys.verify_key)
        answer = self.machine.client.post("/v1/heartbeats", content=b"{}", headers=headers)
        assert answer.status_code == 200, answer.text
        said = {"kiosk_id": self.machine.kiosk_id, "nonce": headers[requests.NONCE], "verify_key": self.keys.verify_key}
        try:
            requests.verify_answer(answer.headers[requests.ANSWER], 200, answer.content, **said)
            proved = True
        except BadSignature:
            proved = False
        told = msgspec.json.decode(answer.content, type=HeartbeatAnswer).hub_keys
        assert told is not None
        heard = self.known.heard(told, proved=proved)
        if proved:
            self.known.take(told)
        return heard

    def files(self, number: str, seal_key: str = "") -> str:
        """A case sealed to the key that the machine has; its receipt is one that the machine believes."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(self.hub.said, "seal_key", seal_key or self.keys.seal_key)
            sent = self.machine.envelope("case", case_form("zhao", "E13", number))
        answer = self.call("PUT", f"/v1/envelopes/{sent.key}", sent.wire)
        assert answer.status_code in (200, 201), answer.text
        verify_receipt(parse_receipt(answer.content), self.keys.trusted, key=sent.key, sha256=sent.digest)
        opened = "select 1 from event where envelope_key = %s and kind = 'opened'"
        eventually(lambda: bool(self.hub.sql(opened, sent.key)), f"{number} is opened")
        return sent.key


@pytest.fixture
def known(hub: RunningHub, tmp_path: Path) -> Iterator[Known]:
    machine = hub.machine()
    present = load_keys(hub.data / "keys")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(hub.said, "seal_key", present.seal_key())
        patch.setitem(hub.said, "verify_key", present.verify_key())
        yield Known(hub, machine, tmp_path / "store.db")


def changed(hub: RunningHub) -> str:
    done = command(hub, "keys", "new", "--keys", str(hub.data / "keys"), "--by", "chief")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def listed(hub: RunningHub) -> dict[str, dict]:
    done = command(hub, "keys", "list", "--keys", str(hub.data / "keys"), "--json", dated=False)
    return {row["id"]: row for row in json.loads(done.stdout)}


def test_a_machine_takes_the_new_keys_from_its_next_heartbeat_and_keeps_them(hub: RunningHub, known: Known) -> None:
    assert known.beat() == "ours"
    before = known.keys
    fresh = changed(hub)
    known.files("13-1", before.seal_key)
    assert known.beat() == "ours"
    assert key_id(known.keys.verify_key) == fresh
    assert known.keys.seal_key != before.seal_key
    assert before.verify_key in known.keys.former
    known.files("13-2")
    known.files("13-3", before.seal_key)
    known.start()
    assert (key_id(known.keys.verify_key), known.known.trouble, known.alarms) == (fresh, "", [])
    assert known.beat() == "ours"
    assert hub.sql("select 1 from event where kind = 'unreadable'") == []
    assert listed(hub)[fresh]["use"] == "present"


def test_a_machine_that_was_away_through_two_changes_catches_up(hub: RunningHub, known: Known) -> None:
    known.beat()
    changed(hub)
    fresh = changed(hub)
    known.files("13-4")
    assert known.beat() == "ours"
    assert key_id(known.keys.verify_key) == fresh


def test_an_answer_to_a_question_is_signed_by_the_key_that_the_machine_has(hub: RunningHub, known: Known) -> None:
    before = known.keys
    changed(hub)
    who = before.seal_key, known.machine.kiosk_id
    body, opener = questions.seal_question("progress", {"receipt_number": "13-0"}, *who)
    answer = known.call("POST", "/v1/questions/progress", body)
    assert answer.status_code == 200, answer.text
    assert opener.open(answer.content, before.verify_key).cases == []


def test_a_receipt_of_before_the_change_is_the_same_bytes_and_still_believed(hub: RunningHub, known: Known) -> None:
    sent = known.machine.envelope("finding", b"{}")
    first = known.call("PUT", f"/v1/envelopes/{sent.key}", sent.wire)
    changed(hub)
    known.beat()
    again = known.call("PUT", f"/v1/envelopes/{sent.key}", sent.wire)
    assert (again.status_code, again.content) == (200, first.content)
    verify_receipt(parse_receipt(again.content), known.keys.trusted, key=sent.key, sha256=sent.digest)


def test_a_machine_of_before_is_served_by_the_keys_that_it_has(hub: RunningHub, known: Known) -> None:
    oldest = load_keys(hub.data / "keys").stated("std", "")
    changed(hub)
    headers = known.machine.signed("POST", "/v1/heartbeats", b"{}")
    answer = known.machine.client.post("/v1/heartbeats", content=b"{}", headers=headers)
    told = msgspec.json.decode(answer.content, type=HeartbeatAnswer).hub_keys
    assert told is not None
    assert (told.seal_key, told.verify_key, told.former) == (*oldest[:2], [])
    said = {"kiosk_id": known.machine.kiosk_id, "nonce": headers[requests.NONCE], "verify_key": oldest[1]}
    requests.verify_answer(answer.headers[requests.ANSWER], 200, answer.content, **said)


def test_a_leaked_key_is_ended_and_nobody_believes_it_any_more(hub: RunningHub, known: Known) -> None:
    """The procedure of docs/hub-api.md, step by step."""
    known.beat()
    leaked, stolen = key_id(known.keys.verify_key), load_keys(hub.data / "keys").pairs["std"][-1]
    assert stolen.id == leaked
    fresh = changed(hub)
    early = command(hub, "keys", "retire", leaked, "--keys", str(hub.data / "keys"))
    assert (early.returncode, early.stderr.count("\n")) == (1, 1)
    assert "know no newer key" in early.stderr
    known.beat()
    known.beat()
    assert listed(hub)[fresh]["machines"] >= 1
    done = command(hub, "keys", "retire", leaked, "--keys", str(hub.data / "keys"), "--now", "--by", "chief")
    assert done.returncode == 0, done.stderr
    assert listed(hub)[leaked]["use"] == "retired: opens only"
    known.files("13-5", seal.public_seal_key(stolen.seal))
    assert known.beat() == "ours"
    assert seal.public_sign_key(stolen.sign) not in known.keys.trusted
    forged = seal.sign(b"any receipt", stolen.sign)
    with pytest.raises(BadSignature):
        seal.verify(b"any receipt", forged, known.keys.trusted)
    assert [kind for (kind,) in hub.sql("select kind from event where kind like 'hub_key%%' order by id")][-2:] == [
        "hub_key_new",
        "hub_key_retired",
    ]


def test_a_receipt_that_was_lost_is_signed_anew_when_its_key_has_ended(hub: RunningHub, known: Known) -> None:
    known.beat()
    before = key_id(known.keys.verify_key)
    sent = known.machine.envelope("case", case_form("zhao", "E13", "13-lost"))
    lost = parse_receipt(known.call("PUT", f"/v1/envelopes/{sent.key}", sent.wire).content)
    changed(hub)
    known.beat()
    folder = "--keys", str(hub.data / "keys")
    assert command(hub, "keys", "retire", before, *folder, "--now").returncode == 0
    known.beat()
    first = known.call("PUT", f"/v1/envelopes/{sent.key}", sent.wire)
    found = parse_receipt(first.content)
    assert first.status_code == 200
    verify_receipt(found, known.keys.verify_key, key=sent.key, sha256=sent.digest)
    assert msgspec.structs.replace(found, signature=lost.signature) == lost, "it says what it said"
    changed(hub)
    again = known.call("PUT", f"/v1/envelopes/{sent.key}", sent.wire)
    assert again.content == first.content, "and repeats byte for byte while its key is good"


def test_who_has_a_former_key_announces_nothing(hub: RunningHub, known: Known) -> None:
    known.beat()
    stolen = load_keys(hub.data / "keys").pairs["std"][-1]
    changed(hub)
    known.beat()
    before = known.keys
    thief = seal.new_sign_key()
    said = sign_hub_keys(known.machine.kiosk_id, seal.new_seal_key().public, thief.public, thief.private)
    nonce, body = "n" * 20, msgspec.json.encode(HeartbeatAnswer([], "", said))
    stamp = requests.Stamp(known.machine.kiosk_id, 1, nonce, "")
    signature = requests.sign_answer(200, body, stamp, stolen.sign)
    with pytest.raises(BadSignature):
        requests.verify_answer(
            signature, 200, body, kiosk_id=known.machine.kiosk_id, nonce=nonce, verify_key=before.verify_key
        )
    assert known.known.heard(said) == "others"
    assert known.keys == before


def test_a_key_that_is_not_proved_is_not_taken(known: Known) -> None:
    known.beat()
    before, thief = known.keys, seal.new_sign_key()
    said = sign_hub_keys(known.machine.kiosk_id, before.seal_key, thief.public, thief.private)
    assert known.known.heard(said) == "others"
    damaged = msgspec.structs.replace(said, signature=said.signature[::-1])
    known.known.take(damaged)
    assert known.keys == before
    known.start()
    assert known.keys == before


def test_other_keys_in_the_configuration_win(hub: RunningHub, known: Known) -> None:
    known.beat()
    changed(hub)
    known.beat()
    values, other = Values(known.store), seal.new_sign_key().public
    assert present_keys(values, "std", **known.root) == known.keys
    as_told = {"seal_key": known.keys.seal_key, "verify_key": known.keys.verify_key}
    assert present_keys(values, "std", **as_told) == known.keys, "a technician has put the announced ones there"
    moved = present_keys(values, "std", seal_key=known.root["seal_key"], verify_key=other)
    assert moved == HubKeys(known.root["seal_key"], other)


def test_who_enrols_gets_the_present_keys(hub: RunningHub) -> None:
    fresh = changed(hub)
    machine = Machine(hub, "K-after-change")
    body = {"code": hub.code(), "kiosk_id": machine.kiosk_id, "public_key": machine.keys.public}
    answer = machine.call("POST", "/v1/enrolments", msgspec.json.encode(body), {requests.HUB_KEY: NO_KEY})
    assert answer.status_code == 201
    assert key_id(answer.json()["verify_key"]) == fresh


@pytest.mark.parametrize("suite", SUITES)
def test_what_was_sealed_to_any_pair_opens_until_that_is_destroyed(tmp_path: Path, suite: str) -> None:
    keys = load_or_make_keys(tmp_path)
    place = {"kiosk_id": "k", "key": "0190", "part": "form", "suite": suite}
    sealed = []
    for n in range(3):
        sealed.append(seal.seal(f"{n}".encode(), keys.seal_key(suite), **place))
        change(tmp_path, suite, new_pair(suite))
        assert keys.look_again()
    opened = [keys.open_with(suite, lambda private, each=each: seal.unseal(each, private, **place)) for each in sealed]
    assert opened == [b"0", b"1", b"2"]
    first = keys.pairs[suite][0]
    retire(tmp_path, first.id)
    retire(tmp_path, first.id, opens_no_more=True)
    keys.look_again()
    with pytest.raises(SealBroken):
        keys.open_with(suite, lambda private: seal.unseal(sealed[0], private, **place))
    assert (tmp_path / "seal.key").stat().st_mode & 0o777 == 0o600
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "former").rglob("*"))


@pytest.mark.parametrize(("words", "changes"), [(["new"], "change"), (["retire", "{former}", "--now"], "retire")])
def test_no_key_comes_or_ends_without_its_event_whenever_the_command_is_killed(
    hub: RunningHub, monkeypatch: pytest.MonkeyPatch, words: list[str], changes: str
) -> None:
    changed(hub)
    folder, told = hub.data / "keys", "select count(*) from event where kind like 'hub_key%%'"
    former = next(name for name, row in listed(hub).items() if row["use"].startswith("former"))
    before, found = hub.sql(told), []

    def killed(*_: object, **__: object) -> None:
        found.extend(hub.sql(told))
        raise KeyboardInterrupt

    monkeypatch.setattr(hub_keys, changes, killed)
    line = [word.format(former=former) for word in words]
    line += ["--keys", str(folder), "--dsn", hub.dsn, "--by", "chief", "--today", str(TODAY)]
    CliRunner().invoke(main, ["keys", *line])
    assert found == [(before[0][0] + 1,)], "it is stored before anything is changed"
    who = "select actor from event where kind like 'hub_key%%' order by id desc limit 1"
    assert hub.sql(who) == [("supervisor:chief",)]


def test_what_a_kill_has_left_of_a_change_or_an_end_keeps_no_hub_from_its_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_self: Path, *_: object, **__: object) -> None:
        raise KeyboardInterrupt

    before = load_or_make_keys(tmp_path).pairs
    with monkeypatch.context() as power:
        power.setattr(hub_keys, "write_secret", killed)
        with pytest.raises(KeyboardInterrupt):
            change(tmp_path, "std", new_pair("std"))
    assert load_keys(tmp_path).pairs == before
    change(tmp_path, "std", fresh := new_pair("std"))
    assert load_keys(tmp_path).pairs["std"] == [*before["std"], fresh]
    with monkeypatch.context() as power:
        power.setattr(hub_keys.shutil, "rmtree", lambda place: [each.unlink() for each in place.iterdir()])
        retire(tmp_path, before["std"][0].id, opens_no_more=True)
    assert load_keys(tmp_path).pairs["std"] == [fresh]
    retire(tmp_path, before["std"][0].id, opens_no_more=True)
    assert list((tmp_path / "former").iterdir()) == []


def test_the_oldest_pair_stays_the_first_whatever_was_destroyed_before_it(tmp_path: Path) -> None:
    """A machine that names no key is served by it."""
    made = list(load_or_make_keys(tmp_path).pairs["std"])
    change(tmp_path, "std", new_pair("std"))
    for _ in range(6):
        made.append(load_keys(tmp_path).pairs["std"][-1])
        change(tmp_path, "std", new_pair("std"))
        assert load_keys(tmp_path).pairs["std"][:-1] == made
        retire(tmp_path, made.pop(0).id, opens_no_more=True)


def test_a_seal_is_made_by_one_of_those_that_ask_first_also_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a process always has the same number, the file of one that was killed kept every seal from being made."""

    def killed(_self: Path, _target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as power:
        power.setattr(Path, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            load_or_make(tmp_path / "seals", "traffic")
    with ThreadPoolExecutor(4) as many:
        made = list(many.map(lambda _: load_or_make(tmp_path / "seals", "traffic").private_numbers(), range(4)))
    assert made == made[:1] * 4


def test_another_process_opens_what_was_sealed_to_a_key_that_it_has_not_seen(tmp_path: Path) -> None:
    here, there = load_or_make_keys(tmp_path), load_keys(tmp_path)
    change(tmp_path, "std", new_pair("std"))
    here.look_again()
    place = {"kiosk_id": "k", "key": "0190", "part": "form"}
    sealed = seal.seal(b"form", here.seal_key(), **place)
    assert there.open_with("std", lambda private: seal.unseal(sealed, private, **place)) == b"form"


@pytest.mark.parametrize("wrong", ["0" * 16, "../../etc", "*"])
def test_only_a_former_pair_is_retired(hub: RunningHub, wrong: str) -> None:
    present = next(name for name, row in listed(hub).items() if row["use"] == "present")
    for name in (wrong, present):
        done = command(hub, "keys", "retire", name, "--keys", str(hub.data / "keys"), "--now")
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
