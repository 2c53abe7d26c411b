"""Who gets a machine's name, and what a key signs after its end: nothing, by no way, but by a supervisor's word."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec
import pytest

from hub.enrolment import ALL_TRIES, FREE_TRIES, network_of
from hub.enrolment_codes import new_code
from kiosk.clock import local
from kiosk.messages import seal
from kiosk.messages.batch import SUFFIX, Member, write_batch
from kiosk.messages.encoding import sha256_hex
from tests.forking import forked
from tests.hub.fixtures import TODAY, Machine, RunningHub, Sealed, case_form
from tests.waiting import HANG_S

pytestmark = pytest.mark.attack(7)

BEAT = ("POST", "/v1/heartbeats", b"{}")


def command(hub: RunningHub, *words: str, dated: bool = True) -> subprocess.CompletedProcess[str]:
    """A ``hub`` command, on the day of the demonstration where it asks for the day."""
    return forked("hub", *words, "--dsn", hub.dsn, *(["--today", str(TODAY)] if dated else []))


def events(hub: RunningHub, kind: str, kiosk_id: str) -> list[dict]:
    query = "select data || jsonb_build_object('actor', actor) from event where kind = %s and kiosk_id = %s order by id"
    return [data for (data,) in hub.sql(query, kind, kiosk_id)]


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("type", "").rpartition(":")[2]


def from_address(machine: Machine, address: str) -> Machine:
    machine.client = httpx.Client(
        base_url=machine.hub.url, timeout=HANG_S, transport=httpx.HTTPTransport(local_address=address)
    )
    return machine


# -- a name that is taken -------------------------------------------------------------------------------------------


def test_nobody_takes_an_id_with_a_plain_code(hub: RunningHub, machine: Machine) -> None:
    for code in (hub.code(), hub.code(machine.kiosk_id)):
        thief = Machine(hub, machine.kiosk_id)
        assert problem(thief.enrol(code)) == (409, "known_machine")
        assert thief.call(*BEAT).status_code == 401
        assert machine.call(*BEAT).status_code == 200
    assert events(hub, "machine_replaced", machine.kiosk_id) == []


def test_the_command_says_what_a_plain_code_is_good_for(hub: RunningHub, machine: Machine) -> None:
    made = command(hub, "code", "--machine", machine.kiosk_id)
    assert made.returncode == 0
    assert "--replace" in made.stderr
    thief = Machine(hub, machine.kiosk_id)
    answer = thief.enrol(made.stdout.strip())
    assert problem(answer) == (409, "known_machine")
    assert f"hub code --machine {machine.kiosk_id} --replace" in answer.json()["detail"]


def test_a_code_that_replaces_lets_the_new_store_in_ends_the_former_key_and_leaves_an_event(
    hub: RunningHub, machine: Machine
) -> None:
    made = command(hub, "code", "--machine", machine.kiosk_id, "--replace")
    assert (made.returncode, made.stderr) == (0, "")
    new = Machine(hub, machine.kiosk_id)
    assert new.enrol(made.stdout.strip()).status_code == 201
    assert new.call(*BEAT).status_code == 200
    assert machine.call(*BEAT).status_code == 401
    [said] = events(hub, "machine_replaced", machine.kiosk_id)
    assert said["sign_key"] == sha256_hex(new.keys.public.encode())[:16]
    assert hub.sql("select ended, valid_to is not null from kiosk_key where public_key = %s", machine.keys.public) == [
        ("replaced", True)
    ]


def test_the_present_store_may_enrol_again_with_a_plain_code(hub: RunningHub, machine: Machine) -> None:
    assert machine.enrol(hub.code(machine.kiosk_id)).status_code == 201
    assert machine.call(*BEAT).status_code == 200


def test_a_code_names_its_machine(hub: RunningHub) -> None:
    refused = command(hub, "code")
    assert refused.returncode == 2
    assert "--machine" in refused.stderr
    assert problem(Machine(hub, "K-other").enrol(hub.code("K-named"))) == (403, "code")


@pytest.mark.parametrize(("made_before", "status"), [("23 hours", 201), ("25 hours", 403), ("-25 hours", 403)])
def test_a_code_lives_for_a_day(hub: RunningHub, made_before: str, status: int) -> None:
    machine = Machine(hub, f"K-{uuid4().hex[:8]}")
    code = hub.code(machine.kiosk_id)
    made = "update enrolment_code set made_at = made_at - %s::interval where bound_to = %s returning 1"
    assert hub.sql(made, made_before, machine.kiosk_id) == [(1,)]
    assert machine.enrol(code).status_code == status


def test_a_key_may_have_an_end_from_the_beginning(hub: RunningHub) -> None:
    made = command(hub, "code", "--machine", "K-lent", "--valid-days", "30")
    lent = Machine(hub, "K-lent")
    assert lent.enrol(made.stdout.strip()).status_code == 201
    assert lent.call(*BEAT).status_code == 200
    hub.sql("update kiosk_key set valid_to = valid_to - interval '31 d' where kiosk_id = 'K-lent' returning 1")
    assert lent.call(*BEAT).status_code in (401, 403)
    sent = lent.envelope("finding", b"{}", parcels=False)
    assert lent.put(sent).status_code in (401, 403)


# -- wrong codes ------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_tries(hub: RunningHub) -> None:
    hub.sql("delete from wrong_code returning 1")


def guess(hub: RunningHub, address: str, count: int, code: Callable[[], str] = new_code) -> list[int]:
    stranger = from_address(Machine(hub, "K-guesser"), address)
    return [stranger.enrol(code()).status_code for _ in range(count)]


@pytest.mark.usefixtures("no_tries")
def test_wrong_codes_are_seen_and_slowed_and_a_right_one_from_the_same_address_is_not(hub: RunningHub) -> None:
    before = len(hub.sql("select 1 from event where kind = 'wrong_codes'"))
    assert guess(hub, "127.0.0.2", FREE_TRIES) == [403] * FREE_TRIES
    # The pause is a second by now; a busy computer may need more for the next tries.
    hub.sql("update wrong_code set last_at = last_at + interval '30 s' where address = '127.0.0.2' returning 1")
    assert guess(hub, "127.0.0.2", 20) == [429] * 20
    stranger = from_address(Machine(hub, "K-guesser"), "127.0.0.2")
    answer = stranger.enrol(new_code())
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    alarms = hub.sql("select data from event where kind = 'wrong_codes' order by id")[before:]
    assert [alarm["address"] for (alarm,) in alarms] == ["127.0.0.2"], "once, not for each"
    honest = from_address(Machine(hub, "K-same-room"), "127.0.0.2")
    assert honest.enrol(hub.code("K-same-room")).status_code == 201


@pytest.mark.usefixtures("no_tries")
def test_many_addresses_together_are_slowed_and_hold_nobody_up_who_has_a_code(hub: RunningHub) -> None:
    answers = [status for n in range(ALL_TRIES // FREE_TRIES + 4) for status in guess(hub, f"127.0.1.{n + 1}", 5)]
    assert answers.count(403) == ALL_TRIES
    assert set(answers[ALL_TRIES:]) == {429}
    alarms = hub.sql("select data from event where kind = 'wrong_codes' and (data->>'in_all')::int = %s", ALL_TRIES)
    assert len(alarms) == 1
    honest = Machine(hub, "K-honest")
    assert honest.enrol(hub.code("K-honest")).status_code == 201


@pytest.mark.usefixtures("no_tries")
def test_who_knows_the_name_of_a_code_is_slowed_and_the_technician_elsewhere_is_not(hub: RunningHub) -> None:
    code = hub.code("K-known-name")
    answers = guess(hub, "127.0.0.3", FREE_TRIES, lambda: code[:5] + new_code()[5:])
    # A busy computer would wait out the first wait of a few seconds meanwhile.
    hub.sql("update wrong_code set last_at = last_at + interval '1 minute' where address = '127.0.0.3' returning 1")
    answers += guess(hub, "127.0.0.3", 5, lambda: code[:5] + new_code()[5:])
    assert answers == [403] * FREE_TRIES + [429] * 5
    thief = from_address(Machine(hub, "K-known-name"), "127.0.0.3")
    assert thief.enrol(code).status_code == 429, "even the right one: nothing is compared while it must wait"
    assert Machine(hub, "K-known-name").enrol(code).status_code == 201


@pytest.mark.usefixtures("no_tries")
def test_the_wait_passes(hub: RunningHub) -> None:
    guess(hub, "127.0.0.4", FREE_TRIES)
    hub.sql("update wrong_code set last_at = last_at + %s returning 1", timedelta(seconds=60))
    assert guess(hub, "127.0.0.4", 1) == [429]
    hub.sql("update wrong_code set last_at = last_at - %s returning 1", timedelta(seconds=121))
    assert guess(hub, "127.0.0.4", 1) == [403], "one more"


@pytest.mark.usefixtures("no_tries")
def test_each_further_wrong_code_waits_longer_up_to_a_minute(hub: RunningHub) -> None:
    guess(hub, "127.0.0.5", FREE_TRIES)
    stranger, waits_s = from_address(Machine(hub, "K-guesser"), "127.0.0.5"), []
    for tries in (FREE_TRIES, FREE_TRIES + 5, FREE_TRIES + 500):
        # Far enough ahead that a busy computer does not wait it out meanwhile.
        hub.sql(
            "update wrong_code set tries = %s, last_at = since + interval '1 minute' where address = '127.0.0.5' "
            "returning tries",
            tries,
        )
        waits_s.append(int(stranger.enrol(new_code()).headers["Retry-After"]))
    first, sixth, last = waits_s
    assert sixth - first > 20
    assert last <= sixth <= first + 60


@pytest.mark.parametrize(
    ("address", "network"),
    [("10.1.2.3", "10.1.2.3"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("2001:db8:1:2::9", "2001:db8:1:2::/64")],
)
def test_who_has_a_whole_network_is_one_stranger(address: str, network: str) -> None:
    assert network_of(address) == network


# -- keys that have ended ---------------------------------------------------------------------------------------------


def revoked(hub: RunningHub, machine: Machine) -> None:
    done = command(hub, "machine", "revoke", machine.kiosk_id, "--by", "chief")
    assert done.returncode == 0, done.stderr


def replaced(hub: RunningHub, machine: Machine) -> None:
    assert Machine(hub, machine.kiosk_id).enrol(hub.code(machine.kiosk_id, replace=True)).status_code == 201


@pytest.fixture(params=[revoked, replaced])
def end(request: pytest.FixtureRequest) -> Callable[[RunningHub, Machine], None]:
    return request.param


CALLS = {
    "heartbeat": BEAT,
    "question": ("POST", "/v1/questions/progress", b"{}"),
    "catalogue": ("GET", "/v1/catalogue", b""),
    "progress": ("GET", "/v1/progress/990101", b""),
    "parcel": ("PUT", f"/v1/parcels/{sha256_hex(b'sealed')}", b"sealed"),
    "batch": ("POST", "/v1/batches", b"no batch"),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_key_that_has_ended_makes_no_request(
    hub: RunningHub, machine: Machine, end: Callable[[RunningHub, Machine], None], call: str
) -> None:
    assert machine.call(*BEAT).status_code == 200
    end(hub, machine)
    assert machine.call(*CALLS[call]).status_code in (401, 403)
    assert hub.sql("select 1 from parcel where sha256 = %s", sha256_hex(b"sealed")) == []


def test_a_key_that_has_ended_delivers_no_envelope(
    hub: RunningHub, machine: Machine, end: Callable[[RunningHub, Machine], None]
) -> None:
    sent = machine.envelope("case", case_form("zhao", "E13", "7-1"))
    end(hub, machine)
    assert machine.put(sent).status_code in (401, 403)
    assert hub.sql("select 1 from envelope where key = %s", sent.key) == []


def batch(path: Path, *sent: Sealed) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    members = [Member("parcels", sha256_hex(each.part), each.part) for each in sent]
    write_batch(path, [*members, *(Member("envelopes", f"{each.key}.json", each.wire) for each in sent)])
    return path


def by_folder(hub: RunningHub, path: Path) -> list[str]:
    """Reasons for which ``hub files --once`` takes in nothing of the exchange folder."""
    folder = str(path.parent.parent)
    done = command(hub, "files", "--once", "--keys", str(hub.data / "keys"), "--folder", folder)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return [each["reason"] for line in told for each in line["rejected"]]


def by_another_machine(hub: RunningHub, path: Path) -> list[str]:
    """The same of ``POST /v1/batches``."""
    answer = hub.machine().call("POST", "/v1/batches", path.read_bytes())
    assert answer.status_code == 200
    return [each["reason"] for each in answer.json()["results"] if each["result"] == "rejected"]


@pytest.mark.parametrize("way", [by_folder, by_another_machine])
def test_what_a_key_sealed_before_its_end_comes_late_only_by_a_supervisors_word(
    hub: RunningHub,
    machine: Machine,
    end: Callable[[RunningHub, Machine], None],
    way: Callable[[RunningHub, Path], list[str]],
    tmp_path: Path,
) -> None:
    here, late = (machine.envelope("case", case_form("zhao", "E13", f"7-{n}"), parcels=n == 2) for n in (2, 3))
    machine.deliver(here)
    end(hub, machine)
    path = batch(tmp_path / "out" / f"late{SUFFIX}", here, late)
    kept = path.read_bytes()
    [reason] = way(hub, path)
    assert f"hub restore --ended {machine.kiosk_id}" in reason
    assert hub.sql("select 1 from envelope where key = %s", late.key) == []
    again = tmp_path / f"again{SUFFIX}"
    again.write_bytes(kept)
    words = ["--keys", str(hub.data / "keys"), "--json", "--by", "chief"]
    refused = command(hub, "restore", str(again), *words)
    assert (refused.returncode, [row["taken"] for row in json.loads(refused.stdout)]) == (
        3,
        ["refused", "already known"],
    )
    let_in = command(hub, "restore", str(again), *words, "--ended", machine.kiosk_id)
    assert let_in.returncode == 0, let_in.stdout
    assert hub.sql("select 1 from envelope where key = %s", late.key) == [(1,)]
    accepted = events(hub, "ended_key_accepted", machine.kiosk_id)
    assert {each["actor"] for each in accepted} == {"supervisor:chief"}


def test_what_says_to_be_younger_than_the_end_of_its_key_never_comes_in(
    hub: RunningHub, machine: Machine, end: Callable[[RunningHub, Machine], None], tmp_path: Path
) -> None:
    end(hub, machine)
    machine.clock = machine.clock.__class__(TODAY + timedelta(days=1))
    forged = machine.envelope("case", case_form("zhao", "E13", "7-4"), parcels=False)
    path = batch(tmp_path / f"forged{SUFFIX}", forged)
    words = ["--keys", str(hub.data / "keys"), "--json", "--ended", machine.kiosk_id]
    refused = command(hub, "restore", str(path), *words)
    assert refused.returncode == 1
    assert "from after that" in json.loads(refused.stdout)[0]["why"]
    assert hub.sql("select 1 from envelope where key = %s", forged.key) == []


# -- the commands -----------------------------------------------------------------------------------------------------


def listed(hub: RunningHub, kiosk_id: str) -> dict:
    done = command(hub, "machine", "list", "--json")
    assert done.returncode in (0, 3), done.stderr
    return next(row for row in json.loads(done.stdout) if row["kiosk_id"] == kiosk_id)


def test_a_machine_is_revoked_and_given_back(hub: RunningHub, machine: Machine) -> None:
    assert listed(hub, machine.kiosk_id)["state"] == "good"
    revoked(hub, machine)
    row = listed(hub, machine.kiosk_id)
    assert (row["state"], bool(row["valid_to"])) == ("revoked", True)
    assert problem(machine.enrol(hub.code(machine.kiosk_id, replace=True))) == (403, "revoked")
    given_back = command(hub, "machine", "restore", machine.kiosk_id, "--by", "chief")
    assert given_back.returncode == 0, given_back.stderr
    assert machine.call(*BEAT).status_code == 200
    assert [events(hub, kind, machine.kiosk_id)[0]["actor"] for kind in ("machine_revoked", "machine_restored")] == [
        "supervisor:chief"
    ] * 2


def test_a_lent_key_that_was_revoked_and_given_back_ends_as_planned(hub: RunningHub) -> None:
    made = command(hub, "code", "--machine", "K-lent-again", "--valid-days", "1")
    machine = Machine(hub, "K-lent-again")
    assert machine.enrol(made.stdout.strip()).status_code == 201
    planned = listed(hub, machine.kiosk_id)["valid_to"]
    for _ in range(2):
        revoked(hub, machine)
        assert command(hub, "machine", "restore", machine.kiosk_id).returncode == 0
        assert listed(hub, machine.kiosk_id)["valid_to"] == planned
    assert machine.call(*BEAT).status_code == 200
    hub.sql(
        "update kiosk_key set valid_to = now() - interval '1 year' where kiosk_id = %s returning 1", machine.kiosk_id
    )
    revoked(hub, machine)
    assert command(hub, "machine", "restore", machine.kiosk_id).returncode == 0
    assert listed(hub, machine.kiosk_id)["state"] == "expired"
    assert machine.call(*BEAT).status_code == 401


def test_a_revoked_machine_gets_a_new_store_and_its_old_key_stays_out(hub: RunningHub, machine: Machine) -> None:
    revoked(hub, machine)
    new = Machine(hub, machine.kiosk_id)
    assert new.enrol(hub.code(machine.kiosk_id, replace=True)).status_code == 201
    assert (new.call(*BEAT).status_code, machine.call(*BEAT).status_code) == (200, 401)
    done = command(hub, "machine", "restore", machine.kiosk_id)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert machine.call(*BEAT).status_code == 401


def test_of_two_ends_of_a_key_the_earlier_counts(hub: RunningHub, machine: Machine) -> None:
    near, far = f"{TODAY - timedelta(days=1)}", f"{TODAY - timedelta(days=3)}"
    for since, counts, keys in ((near, near, 1), (far, far, 1), (near, far, 0)):
        done = command(hub, "machine", "revoke", machine.kiosk_id, "--since", since)
        assert f"({keys} key" in done.stdout
        found = hub.sql("select valid_to from kiosk_key where kiosk_id = %s", machine.kiosk_id)
        assert [f"{local(at):%Y-%m-%d}" for (at,) in found] == [counts]
    assert listed(hub, machine.kiosk_id)["state"] == "revoked"
    assert command(hub, "machine", "restore", machine.kiosk_id).returncode == 0
    assert listed(hub, machine.kiosk_id)["valid_to"] is None


def test_a_store_that_was_replaced_was_lost_before_that(hub: RunningHub, machine: Machine) -> None:
    new = Machine(hub, machine.kiosk_id)
    assert new.enrol(hub.code(machine.kiosk_id, replace=True)).status_code == 201
    command(hub, "machine", "revoke", machine.kiosk_id, "--since", f"{TODAY - timedelta(days=3)}")
    found = "select ended, valid_to from kiosk_key where kiosk_id = %s order by chain"
    told = [(ended, f"{local(at):%Y-%m-%d}") for ended, at in hub.sql(found, machine.kiosk_id)]
    assert told == [(ended, f"{TODAY - timedelta(days=3)}") for ended in ("replaced", "revoked")]


@pytest.mark.parametrize("words", [("revoke", "K-nobody"), ("restore", "K-nobody")])
def test_a_machine_that_never_was_is_told_in_one_line(hub: RunningHub, words: tuple[str, ...]) -> None:
    done = command(hub, "machine", *words)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "K-nobody" in done.stderr


def test_a_machine_was_lost_before_it_was_missed(hub: RunningHub, machine: Machine, tmp_path: Path) -> None:
    sent = machine.envelope("case", case_form("zhao", "E13", "7-5"), parcels=False)
    day_before = f"{TODAY - timedelta(days=1)}"
    done = command(hub, "machine", "revoke", machine.kiosk_id, "--since", day_before)
    assert done.returncode == 0, done.stderr
    path = batch(tmp_path / f"between{SUFFIX}", sent)
    words = ["--keys", str(hub.data / "keys"), "--json", "--ended", machine.kiosk_id]
    refused = command(hub, "restore", str(path), *words)
    assert "from after that" in json.loads(refused.stdout)[0]["why"]


def test_the_answer_that_was_lost_can_be_asked_for_again_until_the_key_ends(hub: RunningHub) -> None:
    code, machine = hub.code("K-lost"), Machine(hub, "K-lost")
    first = machine.enrol(code)
    again = machine.enrol(code)
    assert (again.status_code, again.content) == (201, first.content)
    revoked(hub, machine)
    assert problem(machine.enrol(code)) == (403, "code")
    assert msgspec.json.decode(first.content)["kiosk_id"] == "K-lost"
    thief = Machine(hub, "K-lost")
    thief.keys = seal.new_sign_key()
    assert problem(thief.enrol(code)) == (403, "code")
