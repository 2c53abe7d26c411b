"""The operator's socket: every question is answered by a line of at most 4 KB, and none can end the machine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from kiosk import doctor, status_socket
from kiosk.machine import Machine
from kiosk.running import run
from kiosk.status_lines import LINE_BYTES, line_of
from kiosk.status_socket import MOST_CONNECTIONS, NoAnswer
from tests.kiosk.conftest import Finger
from tests.privileges import as_somebody_else
from tests.waiting import HANG_S, comes_true

pytestmark = pytest.mark.attack(6)


@asynccontextmanager
async def running(machine: Machine, finger: Finger) -> AsyncIterator[str]:
    """The machine with a page shown; afterwards the same page is still there, and questions are still answered."""
    path = machine.config.machine.status_socket
    async with trio.open_nursery() as nursery:
        await nursery.start(run, machine)
        await comes_true(lambda: finger.page is not None, "a page")
        page = finger.page.kind
        yield path
        assert (finger.page.kind, machine.ended.is_set()) == (page, False)
        assert (await status_socket.ask(path, "queue"))["queue"]["depth"] == machine.outbox.depth()
        machine.stop()


async def lines_to(path: str, raw: bytes, *, ends: bool = True) -> list[dict[str, Any]]:
    """All answers to these bytes, up to the end of the connection; each was one line of at most 4 KB."""
    received = b""

    async def say(stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError):  # it has heard enough and closed
            await stream.send_all(raw)
            if ends:
                await stream.send_eof()

    with trio.fail_after(HANG_S):
        async with await trio.open_unix_socket(path) as stream, trio.open_nursery() as nursery:
            nursery.start_soon(say, stream)
            with suppress(trio.BrokenResourceError):
                async for chunk in stream:
                    received += chunk
    lines = received.split(b"\n")
    assert lines.pop() == b"", "a line without its end"
    assert max(map(len, lines)) < LINE_BYTES
    return [line for line in map(json.loads, lines) if line["type"] == "answer"]


async def test_what_is_published_last_arrives_however_busy_the_machine_is(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """On a busy machine a turn of the loop takes longer than the way of a line to its reader should."""

    async def busy() -> None:
        while True:
            autojump_clock.jump(0.1)
            await trio.lowlevel.checkpoint()

    for n in range(20):
        path = str(tmp_path / f"{n}.sock")
        status = status_socket.StatusSocket(path, trio.current_time)
        async with trio.open_nursery() as nursery:
            await nursery.start(status.run)
            reader = await trio.open_unix_socket(path)
            status.publish("page", kind="home")
            heard = bytes(await reader.receive_some(1000))
            nursery.start_soon(busy)
            status.publish("wiped", visit="v1")
            await status.drained()
            nursery.cancel_scope.cancel()
        async with reader:
            with suppress(trio.BrokenResourceError):
                while chunk := await reader.receive_some(1000):
                    heard += chunk
        assert b"wiped" in heard


async def test_what_was_asked_for_before_the_end_is_still_answered(tmp_path: Path, autojump_clock: Any) -> None:
    """An order was carried out, and whoever gave it was told that nothing there answers as a machine does."""
    path, asked = str(tmp_path / "status.sock"), trio.Event()
    status = status_socket.StatusSocket(path, trio.current_time)

    async def order(_request: dict[str, Any]) -> dict[str, Any]:
        asked.set()
        await trio.sleep(1)
        return {"done": True}

    status.questions["order"] = order
    answers: list[Any] = []

    async def operator() -> None:
        answers.append(await status_socket.ask(path, "order"))

    async with trio.open_nursery() as outside, trio.open_nursery() as machine:
        await machine.start(status.run)
        outside.start_soon(operator)
        await asked.wait()
        await status.drained()
        machine.cancel_scope.cancel()
    assert [answer["done"] for answer in answers] == [True]


@pytest.mark.parametrize("connects", ["before", "after"])
async def test_a_monitor_that_only_listens_gets_the_last_lines_too(tmp_path: Path, connects: str) -> None:
    """Who has closed its sending side was no longer waited for: of what it was owed, the machine's end cut the rest."""
    path = str(tmp_path / "status.sock")
    status = status_socket.StatusSocket(path, trio.current_time)
    # More than the system keeps for one who does not read yet.
    said = [{"name": f"{n}", "detail": 3000 * "x"} for n in range(200)]
    async with trio.open_nursery() as monitor, trio.open_nursery() as machine:
        await machine.start(status.run)
        if connects == "before":
            reader = await trio.open_unix_socket(path)
            await trio.testing.wait_all_tasks_blocked()
        for facts in said:
            status.publish("device", **facts)
        if connects == "after":
            reader = await trio.open_unix_socket(path)
        await reader.send_eof()
        await trio.testing.wait_all_tasks_blocked()
        heard: list[bytes] = []
        monitor.start_soon(_listen, reader, heard)
        await status.drained(HANG_S)
        machine.cancel_scope.cancel()
    assert [json.loads(line)["name"] for line in b"".join(heard).splitlines()] == [facts["name"] for facts in said]


async def _listen(stream: trio.SocketStream, heard: list[bytes]) -> None:
    async with stream:
        async for chunk in stream:
            heard.append(bytes(chunk))


GOOD = b'{"ask":"staff"}\n'
WRONG = {
    "unknown number": b'{"ask":"release","seq":42}',
    "number zero": b'{"ask":"release","seq":0}',
    "negative number": b'{"ask":"release","seq":-1}',
    "number beyond sqlite": b'{"ask":"release","seq":9223372036854775808}',
    "huge number": b'{"ask":"release","seq":1' + b"0" * 3000 + b"}",
    "number in letters": b'{"ask":"release","seq":"one"}',
    "half a number": b'{"ask":"release","seq":1.5}',
    "no number": b'{"ask":"release"}',
    "null": b'{"ask":"release","seq":null}',
    "list of numbers": b'{"ask":"release","seq":[1]}',
    "queue of an unknown number": b'{"ask":"queue","seq":42}',
    "queue of a table": b'{"ask":"queue","seq":{}}',
    "ref that is none": b'{"ask":"staff_remove","ref":[]}',
    "ref with NUL and surrogates": b'{"ask":"staff_remove","ref":"\\u0000\\ud800"}',
    "ref too long": b'{"ask":"staff_remove","ref":"' + b"x" * 2000 + b'"}',
    "unknown question": b'{"ask":"dance"}',
    "question that is a list": b'{"ask":["queue"]}',
    "question that is a table": b'{"ask":{"queue":1}}',
    "question that is null": b'{"ask":null}',
    "no question": b"{}",
    "a list": b"[]",
    "a word": b'"queue"',
    "NaN": b'{"ask":"release","seq":NaN}',
    "not JSON": b"queue",
    "half of it": b'{"ask":"que',
    "twice on a line": b'{"ask":"staff"}{"ask":"staff"}',
    "NUL": b"\0\0\0",
    "not UTF-8": b'{"ask":"\xff\xfe\x80"}',
    "GBK": '{"ask":"队列"}'.encode("gbk"),
    "half a surrogate": b'{"ask":"\\ud800"}',
    "UTF-16": '{"ask":"queue"}'.encode("utf-16"),
    "deep list": b"[" * 4000,
    "deep table": b'{"ask":"queue","seq":' + b"[" * 1900 + b"]" * 1900 + b"}",
    "too long": b'{"ask":"queue","x":"' + b"x" * 5000 + b'"}',
    "much too long": b"x" * 50_000,
}


@pytest.mark.parametrize("line", WRONG.values(), ids=WRONG.keys())
async def test_question_that_is_none_is_answered_and_the_next_one_too(
    machine: Machine, finger: Finger, line: bytes
) -> None:
    async with running(machine, finger) as path:
        wrong, good = await lines_to(path, line + b"\n" + GOOD)
    assert wrong["error"]
    assert good == {"type": "answer", "ask": "staff", "staff": []}


async def test_release_of_a_number_that_was_never_given_says_so(machine: Machine, finger: Finger) -> None:
    async with running(machine, finger) as path:
        with pytest.raises(NoAnswer, match="no number 42 in the queue"):
            await status_socket.ask(path, "release", seq=42)


async def test_thousand_wrong_lines_get_a_thousand_answers(machine: Machine, finger: Finger) -> None:
    async with running(machine, finger) as path:
        answers = await lines_to(path, b"".join(line + b"\n" for line in WRONG.values()) * 30)
    assert len(answers) == 30 * len(WRONG)


async def test_line_without_end_costs_its_own_connection_only(machine: Machine, finger: Finger) -> None:
    async with running(machine, finger) as path:
        (answer,) = await lines_to(path, b"x" * 20_000_000, ends=False)
    assert "4096 bytes" in answer["error"]


async def test_question_without_its_line_feed_is_answered_when_the_asker_has_ended(
    machine: Machine, finger: Finger
) -> None:
    async with running(machine, finger) as path:
        assert [answer["ask"] for answer in await lines_to(path, GOOD + GOOD.strip())] == ["staff", "staff"]


async def test_asker_who_is_gone_before_the_answer_ends_nothing(machine: Machine, finger: Finger) -> None:
    async with running(machine, finger) as path:
        for _ in range(20):
            stream = await trio.open_unix_socket(path)
            await stream.send_all(GOOD * 50)
            await trio.aclose_forcefully(stream)


async def test_connections_that_never_read_hold_up_nobody(
    machine: Machine, finger: Finger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_socket, "SLOWEST_READER_S", 0.5)
    async with running(machine, finger) as path:
        idle = [await trio.open_unix_socket(path) for _ in range(MOST_CONNECTIONS)]
        for number in range(3000):
            machine.publish("alarm", what="test", reason=f"{number} " + "x" * 500)
        await comes_true(lambda: not machine.status._readers, "who never reads is dropped")
        assert await lines_to(path, GOOD)
        for stream in idle:
            await trio.aclose_forcefully(stream)


async def test_one_connection_too_many_is_told_so(machine: Machine, finger: Finger) -> None:
    async with running(machine, finger) as path:
        streams = [await trio.open_unix_socket(path) for _ in range(MOST_CONNECTIONS)]
        await comes_true(lambda: len(machine.status._readers) == MOST_CONNECTIONS, "all are connected")
        (answer,) = await lines_to(path, b"", ends=False)
        assert "too many" in answer["error"]
        for stream in streams:
            await trio.aclose_forcefully(stream)
        await comes_true(lambda: not machine.status._readers, "they are gone")


async def test_question_that_fails_in_a_way_nobody_foresaw_is_answered(
    machine: Machine, finger: Finger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine.outbox, "rows", lambda *_: 1 / 0)
    async with running(machine, finger) as path:
        (answer,) = await lines_to(path, b'{"ask":"queue"}\n')
        monkeypatch.undo()
    assert answer["error"].startswith("ZeroDivisionError")


async def test_long_queue_is_told_in_lines_that_are_one_answer(machine: Machine, finger: Finger) -> None:
    rows = [{"seq": seq, "error": "x" * 200} for seq in range(1, 2001)]

    async def queue(_request: dict[str, Any]) -> dict[str, Any]:
        return {"queue": {"depth": len(rows)}, "rows": rows}

    async with running(machine, finger) as path:
        machine.status.questions["queue"] = queue
        assert len(await lines_to(path, b'{"ask":"queue"}\n')) > 50
        answer = await status_socket.ask(path, "queue")
        machine.status.questions.update(doctor.questions(machine))
    assert (answer["rows"], answer["queue"]) == (rows, {"depth": 2000})


@pytest.mark.parametrize(
    "reason",
    ["x" * 100_000, "\x00" * 5000, "非" * 5000, "\udcff.tbz", '"' * 4000],
    ids=["long", "control", "wide", "a file name that is no text", "quotes"],
)
async def test_what_is_published_is_a_line_that_fits(machine: Machine, finger: Finger, reason: str) -> None:
    async with running(machine, finger) as path:
        async with await trio.open_unix_socket(path) as stream:
            await comes_true(lambda: machine.status._readers, "the connection")
            machine.alarm("file", reason)
            received = b""
            while b'"alarm"' not in received or not received.endswith(b"\n"):
                received += await stream.receive_some()
        line = next(line for line in received.split(b"\n") if b'"alarm"' in line)
    assert len(line) < LINE_BYTES
    assert json.loads(line)["what"] == "file"


async def test_machine_that_says_nothing_is_not_taken_for_none(tmp_path: Any) -> None:
    listener = trio.socket.socket(trio.socket.AF_UNIX)
    await listener.bind(str(tmp_path / "mute.sock"))
    listener.listen(1)
    with pytest.raises(NoAnswer, match="does not answer"):
        await status_socket.ask(str(tmp_path / "mute.sock"), "queue", timeout_s=0.1)
    listener.close()
    assert await status_socket.ask(str(tmp_path / "mute.sock"), "queue") is None


async def test_a_machine_that_another_account_runs_is_not_taken_for_none(tmp_path: Path) -> None:
    """What is taken for none has its ports and its store opened by the command itself (CONTRACTS §2)."""
    closed = tmp_path / "closed"
    closed.mkdir()
    listener = trio.socket.socket(trio.socket.AF_UNIX)
    await listener.bind(str(closed / "s"))
    listener.listen(1)
    closed.chmod(0o000)
    with as_somebody_else(), pytest.raises(NoAnswer, match="as the account that runs it"):
        await status_socket.ask(str(closed / "s"), "queue")
    closed.chmod(0o700)
    listener.close()


async def test_what_a_machine_of_another_version_does_not_say_is_told_as_that(tmp_path: Any) -> None:
    path = str(tmp_path / "s")
    listener = trio.socket.socket(trio.socket.AF_UNIX)
    await listener.bind(path)
    listener.listen(1)

    async def of_before(stream: trio.SocketStream) -> None:
        await stream.receive_some(4096)
        await stream.send_all(line_of({"type": "answer", "ask": "staff", "people": []}))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, of_before, [trio.SocketListener(listener)])
        answer = await status_socket.ask(path, "staff")
        assert answer is not None
        assert answer["people"] == []
        with pytest.raises(NoAnswer, match="does not say staff: it is of another version"):
            answer["staff"]
        nursery.cancel_scope.cancel()


async def test_a_path_that_no_socket_can_have_is_none() -> None:
    assert await status_socket.ask(f"/{'x' * 120}", "queue") is None


async def test_what_is_no_socket_is_left_where_the_socket_is_to_be(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"a store")
    with pytest.raises(OSError, match="something else is there"):
        await status_socket.StatusSocket(str(path), float).run()
    assert path.read_bytes() == b"a store"
