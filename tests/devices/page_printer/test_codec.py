"""IPP bytes: those of RFC 8010's own example, then cut, garbled and hostile ones."""

from __future__ import annotations

import struct

import pytest

from devices.page_printer.codec import Attribute, Group, IppError, Tag, decode, encode
from devices.page_printer.status import printer_status
from devices.vocabulary import DeviceState, SupplyState

PRINT_JOB = bytes.fromhex(
    "0101 0002 00000001 01"
    "47 0012 617474726962757465732d63686172736574 0005 7574662d38"
    "48 001b 617474726962757465732d6e61747572616c2d6c616e6775616765 0005 656e2d7573"
    "45 000b 7072696e7465722d757269 0015 6970703a2f2f7072696e7465722e6578616d706c65"
    "02 21 0006 636f70696573 0004 00000014 03 2550444621".replace(" ", "")
)


def test_request_as_the_standard_writes_it() -> None:
    groups = {
        Tag.OPERATION: (
            Attribute(Tag.CHARSET, "attributes-charset", ("utf-8",)),
            Attribute(Tag.LANGUAGE, "attributes-natural-language", ("en-us",)),
            Attribute(Tag.URI, "printer-uri", ("ipp://printer.example",)),
        ),
        Tag.JOB: (Attribute(Tag.INTEGER, "copies", (20,)),),
    }
    assert encode(2, 1, groups, version=(1, 1), data=b"%PDF!") == PRINT_JOB
    message = decode(PRINT_JOB)
    assert (message.code, message.request_id, message.version, message.data) == (2, 1, (1, 1), b"%PDF!")
    assert message.of(Tag.JOB)[0].number("copies") == 20


def field(tag: int, name: bytes, value: bytes) -> bytes:
    return struct.pack(">BH", tag, len(name)) + name + struct.pack(">H", len(value)) + value


HEAD = b"\x02\x00\x00\x00\x00\x00\x00\x01\x04"


def test_further_values_collections_and_absent_values() -> None:
    collection = (
        field(0x34, b"media-col", b"")
        + field(0x4A, b"", b"media-size")
        + field(0x34, b"", b"")
        + field(0x4A, b"", b"x-dimension")
        + field(0x21, b"", struct.pack(">i", 21000))
        + field(0x37, b"", b"")
        + field(0x37, b"", b"")
    )
    reasons = field(0x44, b"printer-state-reasons", b"media-low") + field(0x44, b"", b"toner-low-warning")
    none = field(0x13, b"time-at-processing", b"")
    group = decode(HEAD + reasons + collection + none + field(0x22, b"on", b"\1") + b"\x03").groups[0]
    assert group.words("printer-state-reasons") == ("media-low", "toner-low-warning")
    assert group.first("time-at-processing") is None
    assert group.first("on") is True
    assert "x-dimension" not in group.attributes


@pytest.mark.parametrize(
    "hostile",
    [
        *(PRINT_JOB[:cut] for cut in (0, 7, 9, 30, 60, len(PRINT_JOB) - 6)),
        HEAD + field(0x37, b"", b"") + b"\x03",
        HEAD + field(0x34, b"a", b"") * 100 + b"\x03",
        HEAD + field(0x21, b"a", b"\0\0\0\1") * 10_001 + b"\x03",
        HEAD[:8] + field(0x21, b"a", b"\0\0\0\1") + b"\x03",
        b"\0" * ((1 << 20) + 1),
    ],
)
@pytest.mark.attack(1)
def test_hostile_bytes_are_no_message(hostile: bytes) -> None:
    with pytest.raises(IppError):
        decode(hostile)


@pytest.mark.parametrize(
    ("state", "reasons", "accepting", "expected"),
    [
        (3, ("none",), True, (DeviceState.ONLINE, SupplyState.FULL, "")),
        (4, (), True, (DeviceState.ONLINE, SupplyState.FULL, "")),
        (3, ("media-low-warning",), True, (DeviceState.ONLINE, SupplyState.LOW, "")),
        (3, ("media-empty-warning",), True, (DeviceState.ONLINE, SupplyState.LOW, "")),
        (3, ("media-empty-report",), True, (DeviceState.ONLINE, SupplyState.FULL, "")),
        (5, ("media-empty-warning",), True, (DeviceState.ONLINE, SupplyState.OUT, "paper_out")),
        (3, ("media-empty",), True, (DeviceState.ONLINE, SupplyState.OUT, "paper_out")),
        (5, ("media-needed-error", "paused"), True, (DeviceState.ONLINE, SupplyState.OUT, "paper_out")),
        (5, ("media-jam-error", "media-empty-error"), True, (DeviceState.HARDWARE_ERROR, SupplyState.JAMMED, "jammed")),
        (5, ("door-open",), True, (DeviceState.USER_ERROR, SupplyState.FULL, "cover_open")),
        (3, ("toner-low-warning",), True, (DeviceState.ONLINE, SupplyState.FULL, "toner_low")),
        (3, ("toner-low", "media-low"), True, (DeviceState.ONLINE, SupplyState.LOW, "toner_low")),
        (5, ("marker-supply-empty-error",), True, (DeviceState.HARDWARE_ERROR, SupplyState.FULL, "toner_out")),
        (5, ("paused",), True, (DeviceState.OFFLINE, SupplyState.FULL, "paused")),
        (3, ("offline-report",), True, (DeviceState.ONLINE, SupplyState.FULL, "")),
        (4, ("connecting-to-device", "offline-error"), True, (DeviceState.OFFLINE, SupplyState.FULL, "offline")),
        (3, ("none",), False, (DeviceState.OFFLINE, SupplyState.FULL, "not_accepting")),
        (5, ("com.example-strange-error",), True, (DeviceState.OFFLINE, SupplyState.FULL, "stopped")),
    ],
)
def test_reasons_in_the_common_words(
    state: int, reasons: tuple[str, ...], accepting: bool, expected: tuple[object, ...]
) -> None:
    attributes = {"printer-state": (state,), "printer-state-reasons": reasons}
    status = printer_status(Group(Tag.PRINTER, {**attributes, "printer-is-accepting-jobs": (accepting,)}))
    assert (status.device, status.supply, status.error) == expected
