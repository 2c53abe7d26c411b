"""docs/vendor-devices.md is followed word by word: a maker's package is found, written with and asked."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from devices.contract import Deadline
from devices.document_making import MakeEnd, Order
from devices.drivers import configured

PAGE = Path(__file__).parents[3] / "docs" / "vendor-devices.md"
FILE = re.compile(r"^\*\*(?P<name>[^*]+)\*\*\n\n```\w*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def test_package_of_the_page_is_a_licence_printer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for found in FILE.finditer(PAGE.read_text("utf-8")):
        path = tmp_path / found["name"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found["text"], "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    tables = tomllib.loads((tmp_path / "kiosk.toml").read_text("utf-8"))["devices"]
    device = configured(tables)["licences"]
    assert device.kind == "licence_printer"
    driver = device.driver(device.settings, lambda _: None)
    driver.setup()
    serial = driver.read_stock(Deadline(5.0)).value.next_serial
    assert driver.write(Deadline(5.0), order=Order("k", serial)).value.end is MakeEnd.WRITTEN
    assert driver.write(Deadline(5.0), order=Order("k2", serial)).value.reason == "serial_changed"
    assert driver.find_end(Deadline(5.0), "k").value.serial == serial
    assert driver.hand_out(Deadline(5.0)).ok
    driver.teardown()
