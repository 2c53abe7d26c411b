"""The status socket (CONTRACTS §3): JSON lines without personal data, and answers to requests.

Whoever connects first receives the present page, link and device lines as they were said (their ``mono`` tells when),
then every event line; a line ``{"ask": "doctor"}`` is answered by one line
``{"type": "answer", "ask": "doctor", ...}``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import structlog
import trio

from kiosk.logs import place_of

log = structlog.get_logger()
Question = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
_BACKLOG = 256
_STATES = frozenset({"page", "link", "device", "out_of_service", "memory"})
"""Lines that describe a state, which is still true when somebody connects later."""


class StatusSocket:
    """Publishes lines to everyone connected; a reader that does not read is dropped, never waited for."""

    def __init__(self, path: str, monotonic: Callable[[], float]) -> None:
        self._path = Path(path)
        self._monotonic = monotonic
        self._readers: set[trio.MemorySendChannel[bytes]] = set()
        self._present: dict[tuple[str, str], bytes] = {}
        self.questions: dict[str, Question] = {}

    def publish(self, event: str, /, **facts: Any) -> None:
        """One event line. ``facts`` never name a person."""
        line = msgspec.json.encode({"type": event, "mono": round(self._monotonic(), 6), **facts}) + b"\n"
        if event in _STATES:
            self._present[event, str(facts.get("name", ""))] = line
        for channel in list(self._readers):
            try:
                channel.send_nowait(line)
            except (trio.WouldBlock, trio.BrokenResourceError):
                self._readers.discard(channel)
                channel.close()

    async def drained(self, timeout_s: float = 0.5) -> None:
        """Until every reader has been sent what was published, for a moment at most."""
        with trio.move_on_after(timeout_s):
            while any(c.statistics().current_buffer_used for c in self._readers):
                await trio.sleep(0.01)
            await trio.sleep(0.02)

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
        send, receive = trio.open_memory_channel[bytes](_BACKLOG)
        for line in self._present.values():
            send.send_nowait(line)
        self._readers.add(send)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, stream, receive, nursery.cancel_scope)
                await self._read(stream, send)
                nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            self._readers.discard(send)
            send.close()
            await trio.aclose_forcefully(stream)

    @staticmethod
    async def _write(
        stream: trio.SocketStream, lines: trio.MemoryReceiveChannel[bytes], scope: trio.CancelScope
    ) -> None:
        async for line in lines:
            await stream.send_all(line)
        scope.cancel()

    async def _read(self, stream: trio.SocketStream, send: trio.MemorySendChannel[bytes]) -> None:
        pending = b""
        async for chunk in stream:
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                if line.strip():
                    await send.send(await self._answer(line) + b"\n")

    async def _answer(self, line: bytes) -> bytes:
        try:
            request = msgspec.json.decode(line, type=dict[str, Any])
            question = self.questions[request["ask"]]
        except (msgspec.DecodeError, KeyError):
            known = sorted(self.questions)
            return msgspec.json.encode({"type": "answer", "error": "unknown request", "known": known})
        try:
            return msgspec.json.encode({"type": "answer", "ask": request["ask"], **await question(request)})
        except Exception as error:
            # The boundary of a question: whoever asks wrongly, or about what fails, ends nothing here.
            log.error("question_failed", ask=request["ask"], error=type(error).__name__, where=place_of(error))
            return msgspec.json.encode({"type": "answer", "ask": request["ask"], "error": type(error).__name__})


async def ask(path: str, question: str, timeout_s: float = 5.0, **arguments: Any) -> dict[str, Any] | None:
    """The running machine's answer, or None where no machine listens at ``path``."""
    with trio.move_on_after(timeout_s):
        try:
            stream = await trio.open_unix_socket(path)
        except OSError:
            return None
        with suppress(trio.BrokenResourceError, msgspec.DecodeError):
            return await _answered(stream, question, arguments)
    return None


async def _answered(stream: trio.SocketStream, question: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
    async with stream:
        await stream.send_all(msgspec.json.encode({"ask": question, **arguments}) + b"\n")
        pending = b""
        async for chunk in stream:
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                answer = msgspec.json.decode(line, type=dict[str, Any])
                if answer.get("type") == "answer":
                    return None if "error" in answer else answer
    return None
