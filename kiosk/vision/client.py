"""The machine's side of the vision worker: start it, ask it, start it again when it dies. Never blocks the loop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog
import trio

from devices.backoff import Backoff
from devices.camera.driver import CameraSettings
from devices.vocabulary import DeviceState, DeviceStatus
from kiosk.clock import Clock
from kiosk.vision import protocol as p
from kiosk.vision.frames import FrameSegment
from kiosk.vision.patience import AT_MOST
from kiosk.vision.protocol import Challenge, FaceProgress, FaceResult, Thresholds, new_challenge

__all__ = ["Challenge", "FaceProgress", "FaceResult", "Thresholds", "VisionWorker", "new_challenge"]

log = structlog.get_logger()

DEFAULTS = Thresholds()
WORKER_LOST = "vision_worker_lost"
START_S = 25.0
"""How long a request waits for a worker that is just starting; who waits can call a guide all the while."""
ANSWER_GRACE_S = 5.0
"""How much longer than its own time-out a check may take to answer."""
READING_S = 30.0
"""How long the words of a page may take to be read, the nets' loading included."""
FORGET_TIMEOUT_S = 1.2
"""How long the worker may take to confirm; the wipe has two seconds in all, the worker's end by force included."""
SNAPSHOT_TIMEOUT_S = 6.0
BACKOFF_S = (0.5, 5.0)


class TakenPage(NamedTuple):
    """A paper's page as JPEG, and its words line by line where they were asked for and could be read."""

    picture: bytes
    lines: list[str]


class _Asked:
    """A request on its way: filled with the answer, or with None when the worker died."""

    def __init__(self, on_progress: Callable[[FaceProgress], None] | None = None) -> None:
        self.done = trio.Event()
        self.answer: p.Answered | None = None
        self.on_progress = on_progress
        self.on_photo: Callable[[p.PhotoProgressed], None] | None = None

    def end(self, answer: p.Answered | None) -> None:
        self.answer = answer
        self.done.set()


class VisionWorker:
    """A camera and what is seen through it. ``on_status`` gets every new status of the camera, stamped by ``now``.

    ``looks_at`` papers: no face is ever sought, and the process is first started when a paper is to be looked at.
    """

    def __init__(
        self,
        camera_settings: CameraSettings,
        thresholds: Thresholds = DEFAULTS,
        on_status: Callable[[DeviceStatus], None] = lambda _status: None,
        now: Callable[[], datetime] | None = None,
        looks_at: p.LooksAt = "people",
        on_lost: Callable[[str], None] = lambda _why: None,
    ) -> None:
        self._now = now or Clock().now
        self._on_lost, self._why = on_lost, ""
        self._settings, self._thresholds, self._on_status = camera_settings, thresholds, on_status
        self._looks_at: p.LooksAt = looks_at
        self._segment: FrameSegment | None = None
        self._scope: trio.CancelScope | None = None
        self._stopped = trio.Event()
        self._ready = trio.Event()
        self._needed = trio.Event()
        self._outgoing: trio.MemorySendChannel[p.ToWorker] | None = None
        self._asked: dict[int, _Asked] = {}
        self._number = 0
        self._preview_on = False
        self._knows = False
        self._forgetting: _Asked | None = None
        self._dead = trio.Event()
        self._dead.set()
        self.pid: int | None = None
        self.missing_model = ""
        self.overwrites: bool | None = None
        """Whether memory that the worker frees is overwritten, by its own measurement; None before it has said."""
        self.is_closed: bool | None = None
        """Whether no other process may read the worker, by its own word; None before it has said."""
        self.status = DeviceStatus()

    @property
    def frames_name(self) -> str:
        """What ``kiosk.vision.frames.FrameReader`` opens; "" before the start."""
        return self._segment.name if self._segment else ""

    # -- life ----------------------------------------------------------------------------------------------------

    async def start(self, nursery: trio.Nursery) -> None:
        """Run in ``nursery`` until ``stop`` or its end; returns when requests are possible."""
        await nursery.start(self.run)

    async def stop(self) -> None:
        """End the worker; open requests end as unavailable."""
        if self._scope is not None:
            self._scope.cancel()
            await self._stopped.wait()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep a worker alive until canceled."""
        self._segment = FrameSegment()
        self._stopped = trio.Event()
        backoff = Backoff(*BACKOFF_S)
        try:
            with trio.CancelScope() as self._scope:
                task_status.started()
                if self._looks_at == "papers":
                    await self._needed.wait()
                while True:
                    before, stood = self._why, await self._live()
                    pause_s = backoff.pause_s(stood=stood)
                    told = f"the vision process ended ({self._why}) and is started again"
                    self._publish(DeviceState.OFFLINE, WORKER_LOST, told)
                    log.warning("vision_worker_lost", why=self._why, again_in_s=pause_s)
                    if stood or self._why != before:
                        # One that never gets up is told of once.
                        self._on_lost(told)
                    await trio.sleep(pause_s)
        finally:
            segment, self._segment = self._segment, None
            segment.close()
            self._stopped.set()

    async def _live(self) -> bool:
        """One life of the worker; whether it got as far as ready."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                process = await self._spawn(theirs)
            stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
            self.pid, self._dead, self._knows = process.pid, trio.Event(), False
            self._outgoing, messages = trio.open_memory_channel[p.ToWorker](64)
            self._send(p.Configure(msgspec.to_builtins(self._settings), self._thresholds, self._looks_at))
            self._send(p.Preview(self._preview_on))
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write, stream, messages)
                    with suppress(trio.BrokenResourceError, msgspec.DecodeError):
                        await self._read(stream)
                    nursery.cancel_scope.cancel()
                return self._ready.is_set()
            finally:
                self._end_life(process)
                stream.socket.close()
                with trio.CancelScope(shield=True):
                    self._why = _ending(await process.wait())
                self._dead.set()

    async def _spawn(self, theirs: socket.socket) -> trio.Process:
        assert self._segment is not None
        frames_fd = self._segment.fd
        command = [sys.executable, "-m", "kiosk.vision.worker", "--socket-fd", str(theirs.fileno())]
        return await trio.lowlevel.open_process(
            [*command, "--frames-fd", str(frames_fd)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(), frames_fd),
            env={**os.environ, "PYTHONPATH": _python_path()},
        )

    def _end_life(self, process: trio.Process) -> None:
        with suppress(ProcessLookupError):
            process.kill()
        self.pid, self._outgoing, self._ready, self._forgetting = None, None, trio.Event(), None
        if self._segment is not None:
            self._segment.clear()
        asked, self._asked = self._asked, {}
        for request in asked.values():
            request.end(None)

    async def _write(self, stream: trio.SocketStream, messages: trio.MemoryReceiveChannel[p.ToWorker]) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for message in messages:
                data = p.framed(message)
                await stream.send_all(data)
                data[:] = bytes(len(data))
                # The loop variable would keep a photo until the next message.
                del message

    async def _read(self, stream: trio.SocketStream) -> None:
        data = bytearray()
        while chunk := await stream.receive_some(65536):
            data += chunk
            del chunk
            while len(data) >= p.LENGTH.size:
                end = p.LENGTH.size + p.LENGTH.unpack_from(data)[0]
                if len(data) < end:
                    break
                self._handle_message(p.to_client.decode(memoryview(data)[p.LENGTH.size : end].tobytes()))
                # Shrinking a bytearray leaves the old bytes where they were.
                data[:end] = bytes(end)
                del data[:end]

    def _handle_message(self, message: p.ToClient) -> None:
        match message:
            case p.Ready(missing, overwrites, is_closed):
                self.missing_model, self.overwrites, self.is_closed = missing, overwrites, is_closed
                self._ready.set()
            case p.CameraChanged(device, error, detail):
                self._publish(DeviceState(device), error, detail)
            case p.Progressed(number, progress):
                asked = self._asked.get(number)
                if asked is not None and asked.on_progress is not None:
                    asked.on_progress(progress)
            case p.PhotoProgressed(number):
                asked = self._asked.get(number)
                if asked is not None and asked.on_photo is not None:
                    asked.on_photo(message)
            case p.Answered(number):
                asked = self._asked.pop(number, None)
                if asked is not None:
                    asked.end(message)

    def _publish(self, device: DeviceState, error: str, detail: str) -> None:
        self.status = DeviceStatus(device=device, error=error, detail=detail, since=self._now())
        self._on_status(self.status)

    # -- requests ------------------------------------------------------------------------------------------------

    async def preview(self, on: bool) -> None:
        """Pictures for the screen, or not. Survives a restart of the worker."""
        self._preview_on = on
        if on:
            self._needed.set()
        self._send(p.Preview(on))
        await trio.lowlevel.checkpoint()

    async def verify_face(
        self,
        id_photo: bytes,
        challenge: Challenge,
        on_progress: Callable[[FaceProgress], None],
        timeout_s: float,
    ) -> FaceResult:
        """Compare the person before the camera with the photo of an ID document (WebP, PNG, JPEG).

        Never raises for what can be expected: a missing camera, model or worker is ``unavailable`` with its reason.
        Canceling it cancels the check in the worker.
        """
        asked = _Asked(on_progress)
        number = self._next_number()
        request = p.Verify(number, id_photo, challenge, timeout_s)
        answer = await self._answer(request, asked, AT_MOST * timeout_s + ANSWER_GRACE_S)
        if answer is None or answer.result is None:
            return FaceResult("unavailable", reason="worker_lost")
        return answer.result

    async def take_photo(
        self, profiles: Sequence[str], on_progress: Callable[[p.PhotoProgressed], None], timeout_s: float
    ) -> tuple[bytes, ...]:
        """One picture of the person, cut for each of these profiles of ``photo_profiles.toml``, as JPEG.

        Nothing when none came in time that suits all of them.
        """
        asked = _Asked()
        asked.on_photo = on_progress
        request = p.TakePhoto(self._next_number(), tuple(profiles), timeout_s)
        answer = await self._answer(request, asked, AT_MOST * timeout_s + ANSWER_GRACE_S)
        return answer.photographs if answer else ()

    async def take_page(
        self, profile: str, on_progress: Callable[[p.PhotoProgressed], None], timeout_s: float, *, reads: bool = False
    ) -> TakenPage | None:
        """A paper's page, by a profile of ``document_profiles.toml``; None when none came in time."""
        asked = _Asked()
        asked.on_photo = on_progress
        request = p.TakePage(self._next_number(), profile, timeout_s, reads)
        grace_s = ANSWER_GRACE_S + (READING_S if reads else 0.0)
        answer = await self._answer(request, asked, AT_MOST * timeout_s + grace_s)
        return TakenPage(answer.picture, answer.lines) if answer and answer.picture else None

    async def snapshot(self, *, boxes: bool = False) -> bytes | None:
        """One JPEG, unmirrored, with face boxes drawn when asked; None when there is no picture."""
        answer = await self._answer(p.Snapshot(self._next_number(), boxes), _Asked(), SNAPSHOT_TIMEOUT_S)
        return answer.picture if answer else None

    def begin_forgetting(self) -> None:
        """Tell the worker at once; ``forget`` waits for its word."""
        self._preview_on = False
        for request in self._asked.values():
            request.on_progress = request.on_photo = None
        if self._knows and self._forgetting is None and self._ready.is_set():
            request, asked = p.Forget(self._next_number()), _Asked()
            if self._send(request):
                self._forgetting = self._asked[request.id] = asked

    async def forget(self) -> bool:
        """Have every picture and number of the visit overwritten; returns when that is true.

        False: the worker did not confirm in time, it was ended by force, and its end was waited for. The time counts
        from here, not from ``begin_forgetting``: this loop may have been too busy meanwhile to hear it.
        """
        self.begin_forgetting()
        pid, dead, confirmed = self.pid, self._dead, True
        if pid is not None and self._knows:
            confirmed = await self._confirmed()
            if not confirmed:
                log.error("vision_worker_did_not_forget")
                # Until it is reaped its number belongs to nobody else.
                if not dead.is_set():
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                await dead.wait()
        elif pid is None:
            await dead.wait()
        if self._segment is not None:
            self._segment.clear()
        return confirmed

    async def _confirmed(self) -> bool:
        asked = None
        with trio.move_on_after(FORGET_TIMEOUT_S):
            await self._ready.wait()
            self.begin_forgetting()
            asked, self._forgetting = self._forgetting, None
            if asked is not None:
                await asked.done.wait()
        confirmed = asked is not None and asked.answer is not None
        self._knows = self._knows and not confirmed
        return confirmed

    async def _answer(
        self, request: p.Verify | p.TakePhoto | p.TakePage | p.Snapshot, asked: _Asked, timeout_s: float
    ) -> p.Answered | None:
        self._needed.set()
        with trio.move_on_after(START_S):
            await self._ready.wait()
        if not self._ready.is_set():
            return None
        self._asked[request.id] = asked
        if not self._send(request):
            return self._asked.pop(request.id).answer
        try:
            with trio.move_on_after(timeout_s):
                await asked.done.wait()
        finally:
            if self._asked.pop(request.id, None) is not None:
                self._send(p.Cancel(request.id))
        return asked.answer

    def _send(self, message: p.ToWorker) -> bool:
        asks = p.Verify | p.TakePhoto | p.TakePage | p.Snapshot
        self._knows = self._knows or isinstance(message, asks) or message == p.Preview(on=True)
        try:
            if self._outgoing is not None:
                self._outgoing.send_nowait(message)
                return True
        except (trio.WouldBlock, trio.BrokenResourceError):
            log.warning("vision_worker_busy", message=type(message).__name__)
        return False

    def _next_number(self) -> int:
        self._number += 1
        return self._number


def _ending(code: int) -> str:
    """Why a worker with this exit code has ended."""
    return f"signal_{-code}" if code < 0 else p.ENDINGS.get(code, f"exit_{code}")


def _python_path() -> str:
    root = str(Path(__file__).parents[2])
    return os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
