"""A stranger who may write the machine's exchange folder, or hands a stick over: nothing of the machine gets out."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec
import pytest
import trio
from click.testing import CliRunner

from kiosk.cli import main
from kiosk.clock import Clock
from kiosk.hub_link import files as file_carrier
from kiosk.hub_link.carriers import Outgoing
from kiosk.hub_link.files import Arrived, FileCarrier
from kiosk.messages import envelope, receipts, seal
from kiosk.messages.batch import SUFFIX, Member, write_batch
from kiosk.messages.foreign import OpenFolder, Refused
from offline_cache.outbox import PartDigest
from tests.hostile import ARCHIVES, listed, member, packed
from tests.kiosk.conftest import toml
from tests.kiosk.messages.test_foreign import MAKERS, NAMES
from tests.waiting import HANG_S, comes_true

KIOSK = "k-0001"
OURS = b"the store of this machine"
HUB = seal.new_sign_key()


@pytest.fixture
def exchange(tmp_path: Path) -> Path:
    for name in ("out", "in"):
        (tmp_path / "exchange" / name).mkdir(parents=True)
    (tmp_path / "victim").write_bytes(OURS)
    return tmp_path / "exchange"


@pytest.fixture
def carrier(exchange: Path) -> FileCarrier:
    return FileCarrier(exchange, KIOSK, Clock().monotonic, linger_s=0.01, look_s=0.01)


def outgoing(seq: int = 1) -> Outgoing:
    """An envelope that is to be delivered."""
    key, sealed = envelope.new_key(), b"sealed"
    header = envelope.make_header(
        kiosk_id=KIOSK, seq=seq, key=key, kind="case", case_id=key, created_at=Clock().now(), parts=[("form", sealed)]
    )
    raw = envelope.canonical(header)
    parts = [PartDigest(part.name, part.sha256, part.bytes) for part in header.parts]

    async def parcel(_: str) -> bytes:
        return sealed

    return Outgoing(key, raw, envelope.sign_header(raw, seal.new_sign_key().private), parts, False, parcel)


def honest(exchange: Path, name: str = f"{KIOSK}-9-9.tbz") -> str:
    """A receipt of the hub that is read last; gives its key."""
    key = envelope.new_key()
    said = receipts.sign_receipt(key, "a" * 64, hub_seq=1, received_at="2027-01-12", private_key=HUB.private)
    write_batch(exchange / "in" / name, [Member("receipts", f"{key}.json", receipts.receipt_bytes(said))])
    return key


async def all_of(carrier: FileCarrier) -> list[Arrived]:
    """Every file of answers, as the forwarder takes them, until nothing comes."""
    found = []
    with trio.fail_after(HANG_S):
        while (arrived := await carrier.look()) is not None:
            found.append(arrived)
            await carrier.settled(arrived, arrived.trouble)
    return found


@pytest.mark.attack(1)
@pytest.mark.parametrize("what", MAKERS)
async def test_nothing_is_taken_from_where_a_name_leads_and_the_next_answer_has_its_turn(
    what: str, exchange: Path, carrier: FileCarrier
) -> None:
    path = exchange / "in" / f"{KIOSK}-1-1.tbz"
    MAKERS[what](path)
    if path.is_symlink() and what == "a link":
        path.unlink()
        path.symlink_to(exchange.parent / "victim")
    key = honest(exchange)
    first, second = await all_of(carrier)
    assert (first.name, len(first.trouble)) == (path.name, 1)
    assert [reply.said.key for reply in second.replies] == [key]
    assert not os.path.lexists(path)
    assert carrier.count_aside() == 1
    assert OURS not in b"".join(
        file.read_bytes() for file in (exchange / "aside").iterdir() if file.is_file() and file.stat().st_size < 10**6
    )


async def test_answers_for_another_machine_are_left_for_it(exchange: Path, carrier: FileCarrier) -> None:
    honest(exchange, "k-0002-9-9.tbz")
    key = honest(exchange)
    [only] = await all_of(carrier)
    assert [reply.said.key for reply in only.replies] == [key]
    assert listed(exchange / "in") == ["k-0002-9-9.tbz"]


async def test_a_batch_is_taken_away_when_all_of_its_cases_were_received(exchange: Path, carrier: FileCarrier) -> None:
    first, second = outgoing(seq=1), outgoing(seq=2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(carrier.deliver, first)
        nursery.start_soon(carrier.deliver, second)
    for received in ({first.key}, {second.key}):
        await carrier.clear_out(received.__contains__)
        assert len(listed(exchange / "out")) == 1
    await carrier.clear_out({first.key, second.key}.__contains__)
    assert listed(exchange / "out") == []


@pytest.mark.attack(1)
async def test_a_second_name_of_our_file_stays_and_stops_nothing(exchange: Path, carrier: FileCarrier) -> None:
    os.link(exchange.parent / "victim", exchange / "in" / f"{KIOSK}-1-1.tbz")
    key = honest(exchange)
    [only] = await all_of(carrier)
    assert [reply.said.key for reply in only.replies] == [key]
    assert listed(exchange / "in") == [f"{KIOSK}-1-1.tbz"]


@pytest.mark.attack(1)
@pytest.mark.parametrize("prepared", [f"{KIOSK}-1-1.tbz", f"{KIOSK}-1-1.tbz.tmp"])
async def test_no_link_that_waits_in_out_is_written_through(
    prepared: str, exchange: Path, carrier: FileCarrier
) -> None:
    (exchange / "out" / prepared).symlink_to(exchange.parent / "victim")
    assert (await carrier.deliver(outgoing())).meaning == "sent"
    assert (exchange.parent / "victim").read_bytes() == OURS
    [batch] = [path for path in (exchange / "out").iterdir() if not path.is_symlink()]
    assert stat.S_IMODE(batch.stat().st_mode) == 0o600


@pytest.mark.attack(1)
@pytest.mark.parametrize("prepared", ["a.tbz.txt", "a.tbz.tmp", "a.tbz"])
async def test_no_link_that_waits_aside_is_written_through(prepared: str, exchange: Path, carrier: FileCarrier) -> None:
    (exchange / "aside").mkdir()
    (exchange / "aside" / prepared).symlink_to(exchange.parent / "victim")
    (exchange / "in" / "a.tbz").write_bytes(b"no batch")
    assert len(await all_of(carrier)) == 1
    assert (exchange.parent / "victim").read_bytes() == OURS
    assert listed(exchange / "in") == []


@pytest.mark.attack(1)
@pytest.mark.parametrize("part", ["out", "in", "aside"])
async def test_a_part_of_the_folder_that_is_a_link_is_not_used(part: str, exchange: Path, carrier: FileCarrier) -> None:
    elsewhere = exchange.parent / "elsewhere"
    elsewhere.mkdir()
    if part != "aside":
        (exchange / part).rmdir()
    (exchange / part).symlink_to(elsewhere)
    (exchange / "in" / f"{KIOSK}-1-1.tbz").write_bytes(b"no batch")
    before = listed(elsewhere)
    outcome = await carrier.deliver(outgoing())
    await all_of(carrier)
    await carrier.clear_out(lambda _: True)
    assert listed(elsewhere) == before
    if part == "out":
        assert (outcome.meaning, outcome.reason) == (
            "retry",
            "the folder cannot be written: out is a link and no folder",
        )


@pytest.mark.attack(2)
@pytest.mark.parametrize("what", NAMES)
async def test_a_file_of_any_name_is_put_aside(what: str, exchange: Path, carrier: FileCarrier) -> None:
    (exchange / "in" / NAMES[what]).write_bytes(b"no batch")
    key = honest(exchange, "~honest.tbz")
    replies = [reply.said.key for arrived in await all_of(carrier) for reply in arrived.replies]
    assert replies == [key]
    assert listed(exchange / "in") == []
    assert carrier.count_aside() == 1


@pytest.mark.attack(2)
@pytest.mark.parametrize("what", [name for name in ARCHIVES if not name.startswith(("a thousand", "101,000", "zeros"))])
async def test_a_hostile_archive_is_put_aside_and_the_next_answer_has_its_turn(
    what: str, exchange: Path, carrier: FileCarrier
) -> None:
    (exchange / "in" / f"{KIOSK}-1-1.tbz").write_bytes(ARCHIVES[what]())
    key = honest(exchange)
    found = await all_of(carrier)
    assert [reply.said.key for arrived in found for reply in arrived.replies] == [key]
    assert listed(exchange / "in") == []


@pytest.mark.attack(2)
async def test_a_folder_of_very_many_is_not_listed_for_each_of_them_and_our_own_answer_comes_first(
    exchange: Path, carrier: FileCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of fifty thousand files one was read in six seconds, for days, and the machine's own receipt last."""
    listings: list[str] = []
    names = OpenFolder.names
    monkeypatch.setattr(OpenFolder, "names", lambda self, suffix: (listings.append(suffix), names(self, suffix))[1])
    monkeypatch.setattr(file_carrier, "ROUND_FILES", 20)
    key = honest(exchange)
    for number in range(79):
        (exchange / "in" / f"a{number:02}.tbz").write_bytes(b"nothing")
    found = await all_of(carrier)
    assert [reply.said.key for reply in found[0].replies] == [key]
    assert len(found) == 80
    assert listings.count(SUFFIX) == 5, "four rounds, and the look that finds nothing"


@pytest.mark.attack(2)
async def test_what_no_rule_foresaw_costs_its_own_file(
    exchange: Path, carrier: FileCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = file_carrier.read_answers

    def faulty(*values: object) -> object:
        monkeypatch.setattr(file_carrier, "read_answers", judged)
        raise RecursionError

    (exchange / "in" / f"{KIOSK}-1-1.tbz").write_bytes(b"whatever it is")
    key = honest(exchange)
    monkeypatch.setattr(file_carrier, "read_answers", faulty)
    first, second = await all_of(carrier)
    assert first.trouble == ["could not be judged (RecursionError)"]
    assert [reply.said.key for reply in second.replies] == [key]


@pytest.mark.attack(2)
async def test_the_machine_can_be_stopped_while_it_reads_what_takes_long(exchange: Path, carrier: FileCarrier) -> None:
    path = exchange / "in" / f"{KIOSK}-1-1.tbz"
    with path.open("wb") as file:
        file.write(packed(member(b"receipts/a", b"a")))
        os.posix_fallocate(file.fileno(), 0, 2 * 1024**3)
    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(carrier.look)
            await comes_true(lambda: is_open(path), "the machine reads the file")
            nursery.cancel_scope.cancel()
    assert path.exists()
    assert not is_open(path)
    path.unlink()


def is_open(path: Path) -> bool:
    handles = Path("/proc/self/fd")
    return any(os.path.realpath(handle) == str(path) for handle in handles.iterdir())


# -- kiosk queue import and export ---------------------------------------------------------------------------------


def kiosk(folder: Path, *words: str) -> tuple[int, str, str]:
    (folder / "kiosk.toml").write_text(toml(folder), "utf-8")
    done = CliRunner().invoke(main, ["--config", str(folder / "kiosk.toml"), "queue", *words])
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.attack(1)
@pytest.mark.parametrize("what", [name for name in MAKERS if name not in ("a folder", "a link to nothing")])
def test_import_opens_no_name_that_leads_elsewhere(what: str, exchange: Path) -> None:
    path = exchange / "in" / "a.tbz"
    (exchange / "ours.key").write_bytes(OURS)
    MAKERS[what](path)
    code, _, said = kiosk(exchange.parent, "import", str(path))
    assert (code, len(said.splitlines())) == (1, 1), said
    assert "not a regular file" in said or "larger than" in said


@pytest.mark.attack(2)
@pytest.mark.parametrize("what", [name for name in ARCHIVES if name != "zeros without end"])
def test_import_judges_a_hostile_archive(what: str, exchange: Path) -> None:
    path = exchange / "in" / "a.tbz"
    path.write_bytes(ARCHIVES[what]())
    code, out, _ = kiosk(exchange.parent, "import", str(path), "--json")
    assert code == 1
    assert msgspec.json.decode(out)["envelopes"] == []
    assert msgspec.json.decode(out)["trouble"]


@pytest.mark.attack(1)
def test_export_leaves_a_link_as_it_is_and_does_not_write_through_it(exchange: Path) -> None:
    path = exchange / "out" / "a.tbz"
    path.symlink_to(exchange.parent / "victim")
    with pytest.raises(Refused, match="a link already"):
        write_batch(path, [Member("envelopes", "a.json", b"{}")])
    assert (exchange.parent / "victim").read_bytes() == OURS
    assert path.is_symlink()


async def test_a_stick_that_was_pulled_out_in_the_middle_is_cleared_when_it_is_back(
    exchange: Path, carrier: FileCarrier, tmp_path: Path
) -> None:
    await carrier.deliver(outgoing())
    exchange.rename(tmp_path / "back")
    exchange.symlink_to(exchange)
    await carrier.clear_out(lambda _key: True)
    exchange.unlink()
    (tmp_path / "back").rename(exchange)
    assert len(list((exchange / "out").iterdir())) == 1
    await carrier.clear_out(lambda _key: True)
    assert not list((exchange / "out").iterdir())
