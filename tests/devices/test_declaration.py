"""What counts as trouble, what can be used, and which kind a table of the configuration is."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from devices import drivers
from devices.contract import DriverSettings
from devices.declaration import Declaration, DeviceTest
from devices.drivers import SettingsError, configured, declarations_of
from devices.vocabulary import WORKS, DeviceState, DeviceStatus, SupplyState

PLAIN = Declaration()
READER = {"driver": "sam_v", "port": "/dev/reader"}
CAMERA = {"driver": "opencv", "source": 0}


@pytest.mark.parametrize(
    ("status", "level", "is_usable"),
    [
        (DeviceStatus(DeviceState.ONLINE), "ok", True),
        (DeviceStatus(DeviceState.BUSY), "ok", True),
        (DeviceStatus(DeviceState.STARTING), "info", True),
        (DeviceStatus(DeviceState.ONLINE, error="dusty"), "warn", True),
        (DeviceStatus(DeviceState.STARTING, error="dusty"), "warn", True),
        (DeviceStatus(DeviceState.ONLINE, supply=SupplyState.LOW), "warn", True),
        (DeviceStatus(DeviceState.ONLINE, supply=SupplyState.FULL), "ok", True),
        (DeviceStatus(DeviceState.ONLINE, supply=SupplyState.UNKNOWN), "ok", True),
        (DeviceStatus(DeviceState.ONLINE, supply=SupplyState.OUT), "error", False),
        (DeviceStatus(DeviceState.ONLINE, supply=SupplyState.JAMMED), "error", False),
        (DeviceStatus(DeviceState.USER_ERROR), "warn", False),
        (DeviceStatus(DeviceState.OFFLINE), "error", False),
        (DeviceStatus(DeviceState.NO_DEVICE), "error", False),
        (DeviceStatus(DeviceState.HARDWARE_ERROR), "error", False),
    ],
)
def test_common_rule_of_urgency_and_use(status: DeviceStatus, level: str, is_usable: bool) -> None:
    assert (PLAIN.level(status), PLAIN.is_usable(status)) == (level, is_usable)
    assert (status.device in WORKS) or not is_usable


@pytest.mark.parametrize(("level", "is_usable"), [("ok", True), ("info", True), ("warn", True), ("error", False)])
def test_driver_knows_better_how_urgent_its_own_code_is(level: Any, is_usable: bool) -> None:
    declared = Declaration(levels={"hot": level})
    hot = DeviceStatus(DeviceState.ONLINE, error="hot")
    assert (declared.level(hot), declared.is_usable(hot)) == (level, is_usable)
    low = DeviceStatus(DeviceState.ONLINE, supply=SupplyState.LOW, error="hot")
    assert declared.level(low) == level, "the code says more than the stock"
    assert declared.level(DeviceStatus(DeviceState.ONLINE, error="cold")) == "warn"


def test_device_that_is_away_is_trouble_whatever_its_driver_says_of_the_code() -> None:
    declared = Declaration(levels={"no_device": "ok"})
    assert declared.level(DeviceStatus(DeviceState.NO_DEVICE, error="no_device")) == "error"


@pytest.mark.parametrize(
    ("name", "table", "kind"),
    [
        ("id_card_reader", READER, "id_card_reader"),
        ("left", READER, "id_card_reader"),
        ("camera", READER, "id_card_reader"),
        ("camera", CAMERA, "camera"),
        ("anything", CAMERA, "camera"),
        ("document_camera", CAMERA, "document_camera"),
        ("papers", {**CAMERA, "kind": "document_camera"}, "document_camera"),
        ("document_camera", {**CAMERA, "kind": "camera"}, "camera"),
    ],
)
def test_kind_is_the_driver_s_and_its_table_chooses_among_several(name: str, table: dict[str, Any], kind: str) -> None:
    found = configured({name: table})[name]
    assert found.kind == kind
    assert found.declaration is declarations_of(found.driver)[kind]


def test_every_driver_of_the_house_declares_its_sign_and_its_tests() -> None:
    signs = {}
    bridged = ("licence_printer", "endorsement_writer", "fingerprint_reader")
    for name in ("sam_v", "escpos", "opencv", "ipp", "lock_board", "mrz", "card_dispenser", "permit_maker", *bridged):
        for kind, declared in declarations_of(drivers.load_driver(name)).items():
            signs[kind] = (declared.icon, [test.name for test in declared.tests])
    assert signs == {
        "id_card_reader": ("identification-card", ["test_read", "self_test"]),
        "receipt_printer": ("printer", ["test_print"]),
        "camera": ("camera", ["look"]),
        "document_camera": ("scan", ["self_test"]),
        "page_printer": ("printer", ["self_test"]),
        "lock_board": ("lock", ["self_test", "open_all"]),
        "card_dispenser": ("cardholder", ["self_test", "keep"]),
        "permit_maker": ("cards", ["self_test", "retract"]),
        "travel_document_reader": ("book-open", ["try_document", "eject"]),
        "licence_printer": ("identification-badge", ["self_test", "retract"]),
        "vehicle_licence_printer": ("car-profile", ["self_test", "retract"]),
        "plate_printer": ("car-simple", ["self_test", "retract"]),
        "endorsement_writer": ("notebook", ["self_test", "give_back"]),
        "fingerprint_reader": ("fingerprint", ["self_test", "try_finger"]),
    }


def test_order_of_the_file_is_kept_and_two_of_most_kinds_may_be_there() -> None:
    papers = {**CAMERA, "kind": "document_camera"}
    found = configured({"b": READER, "a": {**READER, "port": "/dev/a"}, "papers": papers})
    assert [(name, device.kind) for name, device in found.items()] == [
        ("b", "id_card_reader"),
        ("a", "id_card_reader"),
        ("papers", "document_camera"),
    ]
    assert list(configured({"one": papers, "two": papers})) == ["one", "two"]


def test_second_of_what_there_may_be_one_is_refused_with_the_name_of_the_first() -> None:
    with pytest.raises(SettingsError) as refused:
        configured({"front": CAMERA, "reader": READER, "back": CAMERA})
    assert str(refused.value) == (
        "[devices.back] kind: a second camera beside [devices.front] is not used; "
        'give one of them kind = "document_camera", or remove one'
    )


def test_unknown_kind_in_a_table_is_refused_in_one_line() -> None:
    with pytest.raises(SettingsError) as refused:
        configured({"camera": {**CAMERA, "kind": "periscope"}})
    assert "[devices.camera] kind" in str(refused.value)
    assert "\n" not in str(refused.value)


class Bell:
    kind: ClassVar[str] = "bell"
    Settings: ClassVar[type[DriverSettings]] = DriverSettings


class OnlyBell(Bell):
    declarations: ClassVar[dict[str, Declaration]] = {"bell": Declaration("bell", at_most_one=True)}


def test_driver_of_the_version_before_that_declares_nothing_still_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "load_driver", lambda _name: Bell)
    found = configured({"door": {"driver": "bell"}})["door"]
    assert (found.kind, found.declaration) == ("bell", PLAIN)
    assert found.declaration.tests == (DeviceTest("self_test", "check-circle"),)


def test_fix_names_no_other_kind_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "load_driver", lambda _name: OnlyBell)
    with pytest.raises(SettingsError, match=r"is not used; remove one$"):
        configured({"door": {"driver": "bell"}, "gate": {"driver": "bell"}})


class Entry:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def load(self) -> Any:
        raise self._error


@pytest.mark.parametrize("error", [ImportError("no module named bell"), AttributeError("no attribute Bell")])
def test_driver_that_cannot_be_loaded_is_one_line_with_the_fix(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(drivers, "_installed", lambda _path: {"bell": Entry(error)})
    with pytest.raises(SettingsError) as refused:
        configured({"door": {"driver": "bell"}})
    line = str(refused.value)
    assert line.startswith('[devices.door] driver = "bell" cannot be loaded')
    assert "reinstall it or choose another" in line
    assert "\n" not in line
