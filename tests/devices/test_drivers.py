from __future__ import annotations

from typing import Any

import pytest

from devices import drivers
from devices.drivers import SettingsError, configured, load_driver, settings_for
from devices.id_card_reader.driver import SamVReader


def test_driver_by_entry_point() -> None:
    assert load_driver("sam_v") is SamVReader


def test_settings_of_a_table_with_defaults() -> None:
    driver, settings = settings_for("id_card_reader", {"driver": "sam_v", "port": "/dev/reader"})
    assert driver is SamVReader
    assert (settings.port, settings.baudrate, settings.poll_interval_ms) == ("/dev/reader", 115200, 300)
    assert (settings.read_fingerprint, settings.read_added_address, settings.photo_decoder) == (False, True, "auto")


@pytest.mark.parametrize(
    ("table", "key", "fix"),
    [
        ({}, "driver", "add driver"),
        ({"driver": "nothing", "port": "x"}, "driver", "installed are:"),
        ({"driver": "sam_v"}, "port", "add port"),
        ({"driver": "sam_v", "port": "x", "prot": 1}, "prot", "remove it"),
        ({"driver": "sam_v", "port": 7}, "port", "`str`"),
        ({"driver": "sam_v", "port": "x", "baudrate": "fast"}, "baudrate", "`int`"),
        ({"driver": "sam_v", "port": "x", "poll_interval_ms": 100}, "poll_interval_ms", ">= 300"),
        ({"driver": "sam_v", "port": "x", "photo_decoder": "magic"}, "photo_decoder", "correct"),
    ],
)
def test_a_wrong_table_is_refused_in_one_line_with_key_and_fix(table: dict[str, Any], key: str, fix: str) -> None:
    with pytest.raises(SettingsError) as refused:
        settings_for("id_card_reader", table)
    line = str(refused.value)
    assert "\n" not in line
    assert f"[devices.id_card_reader] {key}" in line
    assert fix in line


def test_what_is_installed_is_looked_through_once_for_all_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[dict[str, Any]] = []
    found = drivers.entry_points
    monkeypatch.setattr(drivers, "entry_points", lambda **what: looked.append(what) or found(**what))
    drivers._installed.cache_clear()
    tables = {f"reader{number}": {"driver": "sam_v", "port": "x"} for number in range(3)}
    assert len(configured(tables)) == 3
    assert len(looked) == 1
