"""``make mistakes`` tells the truth: what no test sees survives, what one sees is caught, the list fits the code."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from tests.mistakes.listed import ROOMS, ROOT, Mistake, listed
from tests.mistakes.seeding import CannotRun, Copies, Verdict, judge

LISTED = listed()
LEAST, LEAST_OF_A_PART = 120, 10
WANTED_ROOMS = {
    *("catalogue", "devices", "hub", "hub_link", "journey", "kiosk"),
    *("maintenance", "messages", "offline_cache", "screens", "slips", "vision"),
}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A small product with one test that sees one of its two lines."""
    (tmp_path / "hub").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "hub" / "__init__.py").touch()
    (tmp_path / "hub" / "price.py").write_text("FEE_FEN = 1000\nCOPIES = 2\n")
    (tmp_path / "tests" / "test_price.py").write_text(
        "from hub import price\n\ndef test_fee():\n    assert price.FEE_FEN == 1000\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [("1000", "100", Verdict.CAUGHT), ("COPIES = 2", "COPIES = 3", Verdict.SURVIVED)],
)
def test_a_mistake_is_caught_when_a_test_sees_it_and_is_taken_back(
    house: Path, old: str, new: str, verdict: Verdict
) -> None:
    mistake = Mistake("a fee is wrong", "hub/price.py", old, new, ["tests/test_price.py"])
    with Copies(house) as copies:
        assert copies.are_green(mistake.tests)
        assert judge(copies, mistake) is verdict
        assert copies.are_green(mistake.tests)
    assert (house / "hub" / "price.py").read_text() == "FEE_FEN = 1000\nCOPIES = 2\n"


def test_tests_that_cannot_start_show_nothing(house: Path) -> None:
    mistake = Mistake("no such test", "hub/price.py", "1000", "100", ["tests/test_nothing.py"])
    with Copies(house) as copies, pytest.raises(CannotRun, match="no such test"):
        judge(copies, mistake)


@pytest.mark.parametrize("mistake", LISTED, ids=lambda m: f"{m.room}-{m.what}")
def test_a_listed_mistake_has_its_place_and_its_tests(mistake: Mistake) -> None:
    source = mistake.made_in((ROOT / mistake.file).read_text("utf-8"))
    if mistake.file.endswith(".py"):
        ast.parse(source)
    assert mistake.tests
    for test in mistake.tests:
        path, _, name = test.partition("::")
        assert (ROOT / path).exists(), test
        assert not name or f"def {name.split('[')[0]}(" in (ROOT / path).read_text("utf-8"), test


def test_no_mistake_is_listed_twice() -> None:
    assert len({(mistake.file, mistake.old, mistake.new) for mistake in LISTED}) == len(LISTED)
    assert len({mistake.what for mistake in LISTED}) == len(LISTED)


def test_the_list_goes_through_the_whole_house() -> None:
    """A share of little, or of what is easy to test, would say nothing."""
    assert len(LISTED) >= LEAST
    assert {mistake.room for mistake in LISTED} == set(ROOMS) == WANTED_ROOMS
    seeded = Counter(mistake.file.partition("/")[0] for mistake in LISTED)
    assert all(seeded[part] >= LEAST_OF_A_PART for part in ("kiosk", "hub", "devices", "screens", "offline_cache"))
