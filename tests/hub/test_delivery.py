"""The post at the hub: an address counts from the case's own person, whoever else sends one for it."""

from __future__ import annotations

import pytest

from kiosk.messages import content
from tests.hub.fixtures import Machine, RunningHub, number_of
from tests.hub.test_enrolment import command
from tests.waiting import eventually

OWN, STRANGERS = "通办市试点区演示路12号3单元401室", "通办市试点区示范街6号2栋1203室"


def to(case_key: str, person: str, address: str) -> bytes:
    where = content.PostAddress(name="收件人", phone="13900000001", address=address)
    return content.encode_content(content.Delivery(case_key=case_key, id_number=number_of(person), to=where))


@pytest.mark.attack(11)
def test_a_strangers_address_takes_nobodys_document(hub: RunningHub, machine: Machine) -> None:
    case = machine.file_case("wang", "H02", "post-1", card_collection="post")
    machine.wait_for("post-1", "accepted")
    own = machine.envelope("delivery", to(case.key, "wang", OWN))
    machine.deliver(own)
    other = hub.machine()
    strangers = other.envelope("delivery", to(case.key, "li", STRANGERS))
    other.deliver(strangers)
    kept = "select count(*) from delivery where case_key = %s and state = 'waiting'"
    eventually(lambda: hub.sql(kept, case.key) == [(2,)], "both words are at the hub")
    hub.sql("update case_file set state = 'decided' where key = %s returning 1", case.key)

    keys = str(hub.data / "keys")
    listed = command(hub, "post", "list").stdout
    assert own.key in listed
    assert strangers.key not in listed
    assert command(hub, "post", "label", strangers.key, "--keys", keys).returncode == 1
    assert command(hub, "post", "sent", strangers.key, "EX123456789CN").returncode == 1
    assert command(hub, "post", "label", own.key, "--keys", keys).stdout.splitlines()[-1] == OWN
    (told,) = [each for each in machine.ask("post", id_number=number_of("wang")).cases if each.key == case.key]
    assert (told.post, told.to) == ("waiting", "通办市试点区*** 139****0001")
    assert command(hub, "post", "sent", own.key, "EX123456789CN").returncode == 0


def test_what_the_post_has_is_collected_and_its_number_can_still_be_looked_up(
    hub: RunningHub, machine: Machine
) -> None:
    """Else a card that came by post "waits for its person" for ever, and bars the next one."""
    hub.demo("POST", "reset")
    case = machine.file_case("wang", "H02", "post-2", card_collection="post")
    machine.wait_for("post-2", "accepted")
    own = machine.envelope("delivery", to(case.key, "wang", OWN))
    machine.deliver(own)
    waits = "select 1 from delivery where key = %s and state = 'waiting'"
    eventually(lambda: hub.sql(waits, own.key), "the address is at the hub")
    hub.sql("update case_file set state = 'decided' where key = %s returning 1", case.key)
    assert command(hub, "post", "sent", own.key, "EX123456789CN").returncode == 0
    machine.wait_for("post-2", "collected")
    made = hub.sql("select state from household.id_case where case_key = %s", case.key)
    assert made == [("collected",)]
    (told,) = [each for each in machine.ask("post", id_number=number_of("wang")).cases if each.key == case.key]
    assert (told.state, told.post, told.tracking) == ("collected", "sent", "EX123456789CN")
