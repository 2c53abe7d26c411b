"""The status socket (CONTRACTS §3): JSON lines without personal data, and answers to requests.

Whoever connects first receives the present page, link and device lines as they were said (their ``mono`` tells when),
then every event line; a line ``{"ask": "doctor"}`` is answered by a line ``{"type": "answer", "ask": "doctor", ...}``,
or by further ones (kiosk/status_lines.py). What cannot be answered is told too, with ``error``.
"""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import structlog
import trio

from kiosk import shapes
from kiosk.logs import place_of
from kiosk.status_lines import LINE_BYTES, LineCutter, NotALine, join, line_of, lines_of, read_request

log = structlog.get_logger()
Question = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
MOST_CONNECTIONS = 64
SLOWEST_READER_S = 10.0
"""Who does not take a line in this time is dropped."""
_BACKLOG = 256
_QUESTIONS_AT_ONCE = 4
"""They work in threads, of which the machine's own work needs some."""
_STATES = frozenset({"page", "link", "device", "out_of_service", "memory"})
"""Lines that describe a state, which is still true when somebody connects later."""


class CannotAnswer(Exception):
    """A question's own refusal, told to whoever asked: one line, why and what to do."""


class NoAnswer(Exception):
    """A machine is there and gave no answer to a command's question: why, and what to do."""


class StatusSocket:
    """Publishes lines to everyone connected; a reader that does not read is dropped, never waited for."""

    def __init__(self, path: str, monotonic: Callable[[], float]) -> None:
        self._path = Path(path)
        self._monotonic = monotonic
        self._readers: dict[trio.MemorySendChannel[bytes], _Talk] = {}
        self._leaving: set[_Talk] = set()
        self._present: dict[tuple[str, str], bytes] = {}
        self._asking = trio.Semaphore(_QUESTIONS_AT_ONCE)
        self.questions: dict[str, Question] = {}

    def publish(self, event: str, /, **facts: Any) -> None:
        """One event line. ``facts`` never name a person."""
        line = line_of({"type": event, "mono": round(self._monotonic(), 6), **facts})
        if event in _STATES:
            self._present[event, str(facts.get("name", ""))] = line
        for channel, talk in list(self._readers.items()):
            try:
                channel.send_nowait(line)
                talk.owed_lines += 1
            except (trio.WouldBlock, trio.BrokenResourceError):
                del self._readers[channel]
                channel.close()

    async def drained(self, timeout_s: float = 2.0) -> None:
        """Until every reader has been sent what was published, and what they have asked for, for a moment at most.

        A line that has left its channel is not sent yet: a busy loop may come to that much later.
        """
        with trio.move_on_after(timeout_s):
            while any(talk.owed_lines for talk in (*self._readers.values(), *self._leaving)):
                await trio.sleep(0.01)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen until canceled. A stale socket file of a killed machine is replaced.

        Raises OSError that names the key of the configuration.
        """
        listener = await self._listening()
        task_status.started()
        try:
            await trio.serve_listeners(self._serve, [trio.SocketListener(listener)])
        finally:
            self._path.unlink(missing_ok=True)

    async def _listening(self) -> trio.socket.SocketType:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._path.exists() and not self._path.is_socket():
                raise FileExistsError(errno.EEXIST, "something else is there, and is left as it is")
            self._path.unlink(missing_ok=True)
            listener = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
            await listener.bind(str(self._path))
            self._path.chmod(0o600)
        except OSError as error:
            why = f"no socket can be made there ({error.strerror or error})"
            raise OSError(error.errno, why, f"[machine] status_socket {self._path}") from error
        listener.listen(16)
        return listener

    async def _serve(self, stream: trio.SocketStream) -> None:
        """One connection, whatever comes from it: it ends alone."""
        try:
            async with stream:
                if len(self._readers) >= MOST_CONNECTIONS:
                    await _send(stream, line_of({"type": "answer", "error": "too many connections; close one"}))
                else:
                    await self._talk(_Talk(stream))
        except* (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
            pass
        except* Exception as error:
            # The boundary of a connection: no line from outside ends the machine.
            log.error("status_socket_failed", error=type(error).__name__, where=place_of(error))

    async def _talk(self, talk: _Talk) -> None:
        send, receive = trio.open_memory_channel[bytes](_BACKLOG)
        present = list(self._present.values())
        self._readers[send], talk.owed_lines = talk, len(present)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, talk, present, receive, nursery.cancel_scope)
                await self._hear(talk)
                # Nobody asks any more: what was said until now still arrives.
                if self._readers.pop(send, None):
                    self._leaving.add(talk)
                send.close()
        finally:
            self._readers.pop(send, None)
            self._leaving.discard(talk)
            send.close()
            receive.close()

    async def _hear(self, talk: _Talk) -> None:
        cutter = LineCutter()
        async for chunk in talk.stream:
            for line in cutter.feed(chunk):
                await self._answer(talk, line)
            if cutter.is_endless:
                return
        for line in cutter.rest():
            await self._answer(talk, line)

    @staticmethod
    async def _write(
        talk: _Talk, present: list[bytes], lines: trio.MemoryReceiveChannel[bytes], scope: trio.CancelScope
    ) -> None:
        for line in present:
            await talk.say(line)
            talk.owed_lines -= 1
        async for line in lines:
            await talk.say(line)
            talk.owed_lines -= 1
        scope.cancel()

    async def _answer(self, talk: _Talk, line: bytes | None) -> None:
        """None stands for a line that was too long."""
        talk.owed_lines += 1
        try:
            for each in await self._said_to(line):
                await talk.say(each)
        finally:
            talk.owed_lines -= 1

    async def _said_to(self, line: bytes | None) -> Iterable[bytes]:
        try:
            kind, request = read_request(line) if line is not None else _too_long()
            question = self.questions[kind]
        except NotALine as error:
            return [line_of({"type": "answer", "error": str(error)})]
        except KeyError:
            return [line_of({"type": "answer", "error": "unknown request", "known": sorted(self.questions)})]
        async with self._asking:
            answer = await self._answered(kind, question, request)
        return lines_of({"type": "answer", "ask": kind}, answer)

    @staticmethod
    async def _answered(kind: str, question: Question, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return await question(request)
        except CannotAnswer as error:
            return {"error": str(error)}
        except msgspec.ValidationError as error:
            return {"error": f"not how {kind} is asked: {error}"}
        except Exception as error:
            # The boundary of a question: whoever asks wrongly, or about what fails, ends nothing here.
            log.error("question_failed", ask=kind, error=type(error).__name__, where=place_of(error))
            return {"error": f"{type(error).__name__}; see the log"}


class _Talk:
    """One connection's way out: event lines and answers, each whole."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._one_at_a_time = trio.Lock()
        self.owed_lines = 0
        """Published, or asked for, and not sent yet."""

    async def say(self, line: bytes) -> None:
        """Raises TooSlowError when nobody reads."""
        async with self._one_at_a_time:
            await _send(self.stream, line)


async def _send(stream: trio.SocketStream, line: bytes) -> None:
    with trio.fail_after(SLOWEST_READER_S):
        await stream.send_all(line)


def _too_long() -> tuple[str, dict[str, Any]]:
    raise NotALine(f"a line has at most {LINE_BYTES} bytes")


class _Told(dict[str, Any]):
    """A machine's answer. What it does not say is no fault of who asks: it may be of another version."""

    def __missing__(self, key: str) -> Any:
        raise NoAnswer(f"the machine that runs does not say {key}: it is of another version; restart it")


async def ask(path: str, question: str, timeout_s: float = 20.0, **arguments: Any) -> dict[str, Any] | None:
    """The running machine's answer, or None where no machine listens at ``path``.

    Raises NoAnswer when one listens and says why it cannot answer, or nothing that is an answer, and where this account
    may not know whether one listens.
    """
    try:
        stream = await trio.open_unix_socket(path)
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        return None
    except OSError as error:
        if error.errno is None:
            return None  # longer than the name of a socket can be
        # One that runs for another account is still no reason to take its ports and its store.
        why = f"{error.strerror or error}; ask as the account that runs it"
        raise NoAnswer(f"whether a machine listens at {path} cannot be known: {why}") from None
    asked = line_of({"ask": question, **arguments})
    try:
        with trio.fail_after(timeout_s):
            answer = await _answer_to(stream, asked)
    except trio.TooSlowError:
        raise NoAnswer(f"the machine at {path} does not answer; look at its log, or restart it") from None
    except (trio.BrokenResourceError, msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise NoAnswer(f"what listens at {path} does not answer as a machine does; restart it") from None
    if "error" in answer:
        raise NoAnswer(str(answer["error"]))
    return answer


async def _answer_to(stream: trio.SocketStream, asked: bytes) -> dict[str, Any]:
    """Raises BrokenResourceError where none comes."""
    answer: dict[str, Any] = _Told()
    async with stream:
        await stream.send_all(asked)
        cutter = LineCutter()
        async for chunk in stream:
            for line in cutter.feed(chunk):
                said = shapes.from_json(line or b"", dict[str, Any])
                if said.get("type") != "answer":
                    continue
                join(answer, said)
                if not said.get("more"):
                    answer.pop("more", None)
                    return answer
    raise trio.BrokenResourceError
