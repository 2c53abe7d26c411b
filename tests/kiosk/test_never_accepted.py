"""A machine that its hub has never accepted takes no case, says so, and still tells what it can tell."""

from __future__ import annotations

import pytest

from kiosk import config as configuration
from kiosk.doctor import hub_facts
from kiosk.health import files
from kiosk.hub_link.numbers import NoNumber
from kiosk.lobby import tile
from kiosk.machine import Machine
from kiosk.messages.fleet import Numbering
from kiosk.refusals import not_filed
from kiosk.text import text


@pytest.fixture
def stranger(config_file, finger):
    built = Machine(configuration.load(config_file()), finger)
    yield built
    built.store.close()


async def test_what_files_is_grey_with_the_reason_and_what_informs_goes(stranger: Machine) -> None:
    given = {key: tile(stranger, service).action for key, service in stranger.catalogue.services.items()}
    for key, service in stranger.catalogue.services.items():
        if files(service):
            assert (given[key].enabled, given[key].reason) == (False, text("health.not_filed_enrol")), key
    assert given["C01"].enabled
    with pytest.raises(NoNumber):
        await stranger.next_receipt_number()
    facts = hub_facts(stranger)
    assert (facts["accepted"], facts["needs_a_person"]) == (False, True)


async def test_with_the_hubs_word_it_takes_cases_from_then_on_offline_too(
    stranger: Machine, config_file, finger
) -> None:
    stranger.numbers.heard(Numbering(42))
    stranger.store.close()
    again = Machine(configuration.load(config_file()), finger)
    try:
        assert tile(again, again.catalogue.services["C03"]).action.enabled
        assert (await again.next_receipt_number())[6:10] == "0042"
        assert not hub_facts(again)["needs_a_person"]
    finally:
        again.store.close()


def test_the_page_says_why_and_what_to_do() -> None:
    words = text("file.enrol_lead")
    assert words in [block.lead for block in not_filed(NoNumber("x")).blocks if hasattr(block, "lead")]
