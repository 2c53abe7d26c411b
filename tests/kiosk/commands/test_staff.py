"""Who is staff, by command: what is typed is brought into the card's form or refused at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from click.testing import CliRunner, Result

from devices.id_card_reader.card import IdCard
from kiosk import running
from kiosk.cli import main
from kiosk.clock import Clock
from kiosk.machine import Machine
from kiosk.messages.typed import WronglyTyped, pin
from kiosk.staff import StaffBook
from kiosk.status_socket import ask
from offline_cache.store import Store
from offline_cache.values import Values
from offline_cache.vault import open_vault

CARD = "990101199001150513"
PIN = "739164"


@pytest.fixture
def staff(config_file: Callable[..., Path]) -> Callable[..., Result]:
    config = str(config_file())

    def run(*words: str, said: str = "") -> Result:
        return CliRunner().invoke(main, ["--config", config, "staff", *words], input=said)

    return run


def found(folder: Path, number: str) -> Any:
    """Whom the machine would know by this card."""
    store = Store.open(folder / "store.sqlite", now=lambda: datetime.now(UTC), ballast_mb=0, free_floor_mb=0)
    try:
        book = StaffBook(Values(store), open_vault(store), Clock().since_boot)
        return trio.run(book.find, IdCard(kind="resident", name="高技术", number=number))
    finally:
        store.close()


def with_check_digit(body: str) -> str:
    from stdnum.iso7064 import mod_11_2

    return body + mod_11_2.calc_check_digit(body)


X_CARD = next(n for n in (with_check_digit(f"99010219850506{k:03d}") for k in range(200)) if n.endswith("X"))


@pytest.mark.parametrize(
    "typed",
    [
        X_CARD,
        X_CARD.lower(),
        f"  {X_CARD} ",
        f"{X_CARD[:6]} {X_CARD[6:14]} {X_CARD[14:]}",
        f"{X_CARD[:17]}ｘ",
        "".join(chr(ord(c) + 0xFEE0) for c in X_CARD),
        f"\ufeff{X_CARD}\u200e",
    ],
)
def test_number_is_brought_into_the_form_of_the_card(staff: Callable[..., Result], tmp_path: Path, typed: str) -> None:
    done = staff("add", "--role", "guide", "--ref", "g-1", said=f"{typed}\n{PIN}\n")
    assert done.exit_code == 0, done.output
    assert found(tmp_path, X_CARD).ref == "g-1", "the card itself works at the machine"


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        (X_CARD[:17] + "1", "check digit"),
        ("990101199002311016", "birthday"),
        (X_CARD[:17], "17 digits"),
        ("٩" * 18, "17 digits"),
        ("GBR99018005170", "17 digits"),
        ("zhang san", "17 digits"),
    ],
)
def test_number_that_no_card_has_is_refused_and_not_repeated(
    staff: Callable[..., Result], tmp_path: Path, typed: str, named: str
) -> None:
    done = staff("add", "--role", "guide", "--ref", "g-1", said=f"{typed}\n{PIN}\n")
    (line,) = done.stderr.splitlines()
    assert (done.exit_code, named in line, typed in line) == (1, True, False)
    assert not (tmp_path / "store.sqlite").exists()


@pytest.mark.parametrize(
    ("typed", "code"), [("７３９１６４", 0), ("739 164", 0), ("73916o", 1), ("123", 1), ("1" * 13, 1)]
)
def test_pin_can_be_typed_at_the_machine(staff: Callable[..., Result], typed: str, code: int) -> None:
    done = staff("add", "--role", "technician", "--ref", "t-1", said=f"{CARD}\n{typed}\n")
    assert done.exit_code == code, done.output
    assert typed not in done.stderr


@pytest.mark.attack(9)
@pytest.mark.parametrize("role", ["guide", "technician"])
@pytest.mark.parametrize(
    ("typed", "named"),
    [
        *((pin, "6 to 12") for pin in ("", "2468", "24681", "1234567890123", "24681a", "٢٤٦٨١٠", "-24681")),
        *((pin, "a row") for pin in ("123456", "654321", "890123", "321098", "135791", "864208", "012345678")),
        *((pin, "a row") for pin in ("11223344", "12341234", "98769876", "123412", "111222333444")),
        *((pin, "a row") for pin in ("135790", "097531", "246810", "024689", "101112", "102030", "12345123456")),
        *((pin, "a row") for pin in ("147258", "258369", "963852", "159357", "123321", "147852", "789456", "25802580")),
        *((pin, "a row") for pin in ("14725836", "123698", "258963", "147036", "692581", "123123", "55667788")),
        *((pin, "a row") for pin in ("111111", "00000000", "121212", "112233", "999888", "１１１１１１")),
        *((pin, "a date") for pin in ("900115", "150190", "011590", "198703", "031987", "290204")),
        *(
            (pin, "a date")
            for pin in ("19900115", "15011990", "01151990", "20270112", "1990 01 15", "1990-01-15", "1990115")
        ),
        *((pin, "number of the card") for pin in (X_CARD[5:11], X_CARD[4:12], X_CARD[10:4:-1])),
    ],
)
def test_pin_that_is_guessed_first_is_refused_and_not_repeated(
    staff: Callable[..., Result], tmp_path: Path, role: str, typed: str, named: str
) -> None:
    done = staff("add", "--role", role, "--ref", "t-1", said=f"{X_CARD}\n{typed}\n")
    (line,) = done.stderr.splitlines()
    assert (done.exit_code, not typed or typed not in line) == (1, True), line
    assert named in line or not typed
    assert not (tmp_path / "store.sqlite").exists()


def test_most_pins_are_taken() -> None:
    def is_taken(typed: str) -> bool:
        try:
            return pin(typed, 12, CARD) == typed
        except WronglyTyped:
            return False

    sample = [f"{number:06d}" for number in range(0, 1_000_000, 997)]
    assert 0.75 < sum(map(is_taken, sample)) / len(sample) < 0.95


async def test_list_and_remove_work_beside_a_running_machine(
    machine: Machine, config_file: Callable[..., Path], tmp_path: Path
) -> None:
    machine.staff.enrol(CARD, "guide", "g-1", PIN)
    machine.staff.enrol(X_CARD, "guide", "g-1", PIN)
    machine.staff.enrol("990101199506010421", "technician", "t-1", PIN)
    run = partial(CliRunner().invoke, main)
    config = ["--config", str(tmp_path / "kiosk.toml"), "staff"]
    async with trio.open_nursery() as nursery:
        await nursery.start(running.run, machine)
        listed = await trio.to_thread.run_sync(run, [*config, "list", "--json"])
        assert json.loads(listed.stdout) == [
            {"ref": "g-1", "role": "guide", "cards": 2, "pin": "good", "seen": 0},
            {"ref": "t-1", "role": "technician", "cards": 1, "pin": "good", "seen": 0},
        ]
        done = await trio.to_thread.run_sync(run, [*config, "remove", "--ref", "g-1"])
        assert done.exit_code == 0, done.output
        assert await machine.staff.find(IdCard(kind="resident", number=CARD)) is None
        again = await trio.to_thread.run_sync(run, [*config, "remove", "--ref", "g-1"])
        assert (again.exit_code, "staff list" in again.stderr) == (1, True)
        assert (await ask(machine.config.machine.status_socket, "staff"))["staff"][0]["ref"] == "t-1"
        nursery.cancel_scope.cancel()


def test_list_and_remove_in_a_machine_that_stands(staff: Callable[..., Result], tmp_path: Path) -> None:
    staff("add", "--role", "guide", "--ref", "g-1", said=f"{CARD}\n{PIN}\n")
    assert "g-1" in staff("list").stdout
    assert staff("remove", "--ref", " ｇ-1").exit_code == 0
    assert found(tmp_path, CARD) is None
    assert "g-1" not in staff("list").stdout
