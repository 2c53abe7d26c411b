from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest
import trio

from kiosk.hub_link.identity import Identity
from kiosk.messages import envelope
from kiosk.messages.seal import unseal
from offline_cache.errors import KeyTaken, StoreFull
from offline_cache.values import Values


async def test_what_is_filed_is_sealed_signed_and_chained(kit, hub) -> None:
    keys = [envelope.new_key() for _ in range(3)]
    plain = {"form": b"form", "photo": b"p" * 300_000, "signature": b""}
    filed = [await kit.filing.file(kind="case", key=key, case_id=key, receipt_number="R1", parts=plain) for key in keys]
    assert [each.seq for each in filed] == [1, 2, 3]
    prev = envelope.FIRST_PREV
    for key, each in zip(keys, filed, strict=True):
        claimed = kit.outbox.claim(0.0)
        sent = envelope.parse(envelope.wire(claimed.header, claimed.signature))
        envelope.verify_header(sent.header_bytes, sent.signature, kit.identity.public_key)
        assert sent.header_bytes == claimed.header == envelope.canonical(sent.header)
        assert (sent.header.key, sent.header.seq, sent.header.prev_sha256) == (key, each.seq, prev)
        assert sent.digest == each.sha256 == claimed.sha256
        for name, value in plain.items():
            sealed = kit.outbox.parcel(claimed, name)
            place = {"kiosk_id": "hall-0001", "key": key, "part": name}
            assert unseal(sealed, hub.seal_keys.private, **place) == value
        prev = each.sha256


async def test_no_plain_byte_reaches_any_file(kit, tmp_path: Path) -> None:
    marks = [
        "张三丰的住址".encode(),
        "张三丰的住址".encode("gb18030"),
        b"990101195801010010",
        random.Random(1).randbytes(32),
    ]
    for mark in marks:
        await kit.filing.file(
            kind="case",
            key=(key := envelope.new_key()),
            case_id=key,
            receipt_number=None,
            parts={"form": mark * 3, "photo": mark * 9000},
        )
    raw = b"".join(each.read_bytes() for each in tmp_path.rglob("*") if each.is_file())
    assert len(raw) > 900_000
    assert not any(mark in raw for mark in marks)
    assert b"hall-0001" in raw


async def test_a_second_tap_files_once_and_another_content_is_refused(kit) -> None:
    key = envelope.new_key()
    case = {"kind": "case", "key": key, "case_id": key, "receipt_number": None}
    found = []

    async def tap() -> None:
        found.append(await kit.filing.file(**case, parts={"form": b"form", "photo": b"x"}))

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(tap)
    assert len(set(found)) == 1
    assert len(kit.outbox.rows()) == 1
    with pytest.raises(KeyTaken):
        await kit.filing.file(**case, parts={"form": b"longer form", "photo": b"x"})
    with pytest.raises(KeyTaken):
        await kit.filing.file(**case, parts={"form": b"form"})


async def test_a_cancel_during_filing_does_not_undo_it(kit) -> None:
    with trio.CancelScope() as scope:
        original = kit.outbox.put
        kit.outbox.put = lambda **named: (scope_cancel(), original(**named))[1]
        scope_cancel = lambda: trio.from_thread.run_sync(scope.cancel)
        key = envelope.new_key()
        filed = await kit.filing.file(kind="case", key=key, case_id=key, receipt_number=None, parts={"form": b"x"})
        assert filed.seq == 1
    assert [row.key for row in kit.outbox.rows()] == [key]


async def test_a_full_disk_is_told_and_nothing_is_kept(kit) -> None:
    kit.store._floor = kit.store.free_bytes + 10**9
    key = envelope.new_key()
    with pytest.raises(StoreFull):
        await kit.filing.file(kind="case", key=key, case_id=key, receipt_number=None, parts={"form": b"x"})
    assert kit.outbox.rows() == []


def test_the_machine_keeps_its_key_and_does_not_show_it(kit) -> None:
    again = Identity.load(Values(kit.store), "hall-0001")
    assert again == kit.identity
    assert kit.identity.private_key not in repr(kit.identity)


def test_created_at_is_rfc_3339_and_only_informative(kit, file) -> None:
    file()
    header = msgspec.json.decode(kit.outbox.claim(0.0).header)
    assert header["created_at"].endswith("Z")
    assert header["version"] == 1
    assert header["suite"] == "std"
