"""The vision process: owns a camera, looks at faces or papers, forgets on request. ``python -m kiosk.vision.worker``.

A process of its own because dlib's net holds the interpreter's lock for 130 ms at a time; papers have one of theirs,
which holds no nets. It ends when the machine's end of the socket closes, however the machine ends.
"""

from __future__ import annotations

import argparse
import gc
import os
import queue
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, Protocol

import cv2
import numpy as np
import structlog

from devices.camera.driver import CameraSettings
from devices.vocabulary import DeviceStatus
from kiosk import hardening, shapes
from kiosk.clock import Clock
from kiosk.vision import protocol as p
from kiosk.vision.capture import CameraThread
from kiosk.vision.document import DocumentShoot, document_profiles
from kiosk.vision.frames import FrameWriter
from kiosk.vision.model_files import ModelMissingError
from kiosk.vision.patience import Patience
from kiosk.vision.photo import Judge, PhotoShoot, profiles
from kiosk.vision.reading import Reader
from kiosk.vision.verification import FACE_SCORE, Nets, Verification, with_boxes

log = structlog.get_logger()

LOG_STEPS = [
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso"),
    structlog.processors.JSONRenderer(),
]
_EXIT_CODES = {why: code for code, why in p.ENDINGS.items()}
FRAME_WAIT_S = 0.25
SNAPSHOT_WAIT_S = 4.0
SNAPSHOT_QUALITY = 90
FORGET_WAIT_S = 0.8
"""How long the camera may take to close; one that hangs takes the process with it, and so all that it holds."""
STUCK_AFTER_S = 20.0
"""A read that has not come back for this long (a driver hangs in the system) ends the process; a new one is started."""
MORE_MEMORY_BYTES = 3 << 30
"""Beyond what the libraries have taken: more than twice what reading a page takes, and that takes most. A picture that
no bound of sizes has seen through, such as of a stream that grows in the middle, ends this process, not the computer.
"""
_OPENS_WITHIN_S = 6.0
"""So long a camera that is opened for each paper may take until it counts as away."""
_Job = p.Verify | p.TakePhoto | p.TakePage | p.Snapshot | p.Forget


class _Shoot(Protocol):
    """What looks at pictures until one is good."""

    wrong: str

    @property
    def progress(self) -> float: ...
    def look(self, picture: np.ndarray, now_s: float) -> object | None: ...


class Worker:
    """Requests in, events out. The main thread listens, one thread reads the camera, one looks at faces."""

    def __init__(self, connection: socket.socket, frames_fd: int) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._clock = Clock()
        self._jobs: queue.Queue[_Job] = queue.Queue()
        self._canceled: set[int] = set()
        self._stop_looking = threading.Event()
        self._hang = threading.Event()
        self._preview = FrameWriter(frames_fd)
        self._camera: CameraThread | None = None
        self._nets: Nets | None = None
        self._reader = Reader()
        self._missing = ""
        self._looks_at: p.LooksAt = "people"

    def run(self) -> None:
        """Serve until the other end closes."""
        first = self._receive()
        if not isinstance(first, p.Configure):
            return
        self._thresholds, self._looks_at = first.thresholds, first.looks_at
        self._settings = shapes.convert(first.camera, CameraSettings)
        self._camera = CameraThread(self._settings, self._preview, self._camera_changed, self._looks_at)
        self._camera.start()
        threading.Thread(target=self._look, name="faces", daemon=True).start()
        threading.Thread(target=self._watch, name="watch", daemon=True).start()
        while (message := self._receive()) is not None:
            self._handle_message(message)

    # -- the wire ------------------------------------------------------------------------------------------------

    def _receive(self) -> p.ToWorker | None:
        head = self._exactly(p.LENGTH.size)
        if head is None:
            return None
        body = self._exactly(p.LENGTH.unpack(head)[0])
        if body is None:
            return None
        message = p.to_worker.decode(body)
        body[:] = bytes(len(body))
        return message

    def _exactly(self, count: int) -> bytearray | None:
        data = bytearray(count)
        view, got = memoryview(data), 0
        while got < count:
            step = self._connection.recv_into(view[got:])
            if not step:
                return None
            got += step
        return data

    def _send(self, message: p.Message) -> None:
        data = p.framed(message)
        with self._sending:
            self._connection.sendall(data)
        data[:] = bytes(len(data))

    def _handle_message(self, message: p.ToWorker) -> None:
        assert self._camera is not None
        match message:
            case p.Preview(on):
                self._camera.want("preview", on=on)
            case p.Cancel(number):
                self._canceled.add(number)
            case p.Forget():
                self._stop_looking.set()
                self._camera.let_waiting_go()
                self._jobs.put(message)
            case p.Verify() | p.TakePhoto() | p.TakePage() | p.Snapshot():
                self._jobs.put(message)

    def _camera_changed(self, status: DeviceStatus) -> None:
        self._send(p.CameraChanged(status.device, status.error, status.detail))

    # -- faces ---------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        self._load()
        self._send(p.Ready(self._missing, all(hardening.overwrites().values()), hardening.is_closed()))
        while True:
            job = self._jobs.get()
            try:
                self._send(self._do(job))
            except (ValueError, RuntimeError, ArithmeticError, cv2.error) as error:
                # One check that goes wrong must not end the next one; its words could hold numbers of a face.
                log.error("vision_job_failed", job=type(job).__name__, error=type(error).__name__)
                if isinstance(job, p.Forget):
                    _end("not_forgotten")
                self._send(p.Answered(job.id, p.FaceResult("unavailable", reason="internal")))
            finally:
                del job

    def _load(self) -> None:
        if self._looks_at == "papers":
            return
        try:
            self._nets = Nets()
            self._nets.forget()
        except (ModelMissingError, RuntimeError, cv2.error) as error:
            self._missing = str(error) if isinstance(error, ModelMissingError) else "unreadable"
            log.warning("vision_model_missing", file=self._missing)

    def _do(self, job: _Job) -> p.Answered:
        assert self._camera is not None
        match job:
            case p.Forget(number):
                self._forget()
                return p.Answered(number)
            case p.Snapshot(number, boxes):
                with self._pictures():
                    return p.Answered(number, picture=self._snapshot(boxes=boxes))
            case p.TakePhoto(number):
                with self._pictures():
                    photographs = self._photograph(job)
                self._canceled.discard(number)
                return p.Answered(number, photographs=photographs)
            case p.TakePage(number):
                with self._pictures():
                    picture, lines = self._page(job)
                self._canceled.discard(number)
                return p.Answered(number, picture=picture, lines=lines)
            case p.Verify(number):
                with self._pictures():
                    result = self._verify(job)
                self._canceled.discard(number)
                return p.Answered(number, result)

    @contextmanager
    def _pictures(self) -> Iterator[None]:
        """The camera runs meanwhile."""
        assert self._camera is not None
        self._camera.want("faces", on=True)
        try:
            yield
        finally:
            self._camera.want("faces", on=False)

    def _verify(self, job: p.Verify) -> p.FaceResult:
        if self._nets is None:
            return p.FaceResult("unavailable", reason="model_missing")
        check = Verification(self._nets, job.challenge, self._thresholds, mirror=self._settings.mirror)
        try:
            return check.take_photo(job.photo) or self._watch_person(job, check)
        finally:
            check.wipe()

    def _watch_person(self, job: p.Verify, check: Verification) -> p.FaceResult:
        assert self._camera is not None
        patience, number, said = Patience(job.timeout_s, self._clock.monotonic()), 0, None
        while not patience.is_over(self._clock.monotonic()):
            if self._stop_looking.is_set() or job.id in self._canceled:
                return p.FaceResult("unavailable", reason="canceled")
            if self._camera.gone:
                return p.FaceResult("unavailable", reason="camera_lost")
            taken = self._camera.newer_than(number, FRAME_WAIT_S)
            if taken is None:
                continue
            number, frame = taken
            result = check.look(frame, self._clock.monotonic())
            frame[:] = 0
            if result is not None:
                return result
            if check.progress != said:
                said = check.progress
                self._send(p.Progressed(job.id, said))
        return check.out_of_time()

    def _photograph(self, job: p.TakePhoto) -> tuple[bytes, ...]:
        """None of them when the time was over, nobody waits any more, or there is no camera or net."""
        known = profiles()
        if self._nets is None or not job.profiles or any(name not in known for name in job.profiles):
            return ()
        wanted = [known[name] for name in job.profiles]
        shoot = PhotoShoot(Judge(self._nets.detector, self._nets.mesh, *wanted), *wanted)
        try:
            return self._watch_until_good(job, shoot) or ()
        finally:
            shoot.wipe()

    def _page(self, job: p.TakePage) -> tuple[bytes | None, list[str]]:
        """The picture, None as for a photograph, and its words where they are wanted and can be read."""
        profile = document_profiles().get(job.profile)
        if profile is None:
            return None, []
        shoot = DocumentShoot(profile)
        try:
            page = self._watch_until_good(job, shoot)
            if page is None:
                return None, []
            lines = self._reader.lines(page, lambda: self._is_off(job.id)) if job.reads else []
            return shoot.encoded(page), lines
        finally:
            shoot.wipe()

    def _is_off(self, number: int) -> bool:
        """Whether nobody waits for this any more."""
        return self._stop_looking.is_set() or number in self._canceled

    def _watch_until_good(self, job: p.TakePhoto | p.TakePage, shoot: _Shoot) -> Any:
        """What the shoot has taken; None when the time was over, nobody waits any more, or there is no camera."""
        assert self._camera is not None
        began = self._clock.monotonic()
        patience, number, said = Patience(job.timeout_s, began), 0, None
        opens = began + (_OPENS_WITHIN_S if self._looks_at == "papers" else 0.0)
        while not patience.is_over(now_s := self._clock.monotonic()):
            is_gone = self._camera.gone and now_s > opens
            if self._is_off(job.id) or is_gone:
                return None
            taken = self._camera.newer_than(number, FRAME_WAIT_S)
            if taken is None:
                continue
            number, frame = taken
            picture = shoot.look(frame, self._clock.monotonic())
            frame[:] = 0
            if picture is not None:
                return picture
            if (shoot.wrong, shoot.progress) != said:
                said = shoot.wrong, shoot.progress
                self._send(p.PhotoProgressed(job.id, shoot.wrong or "good", shoot.progress))  # type: ignore[arg-type]
        return None

    def _snapshot(self, *, boxes: bool) -> bytes | None:
        assert self._camera is not None
        taken = self._camera.newer_than(0, SNAPSHOT_WAIT_S)
        if taken is None:
            return None
        frame = taken[1]
        if boxes and self._nets is not None:
            marked = with_boxes(frame, [f for f in self._nets.detector.detect(frame) if f.score >= FACE_SCORE])
            frame[:] = 0
            frame = marked
        _, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, SNAPSHOT_QUALITY])
        picture = data.tobytes()
        frame[:] = 0
        data[:] = 0
        return picture

    def _forget(self) -> None:
        """Everything that a visit showed is overwritten: pictures, the nets' insides, the camera's buffers."""
        assert self._camera is not None
        self._camera.begin_forgetting()
        # The nets run once while the camera closes: of the two seconds of a wipe each takes its part.
        if self._nets is not None:
            self._nets.forget()
        if not self._camera.forgotten(FORGET_WAIT_S):
            log.error("camera_not_closed_in_time")
            _end("not_forgotten")
        self._preview.clear()
        self._canceled.clear()
        self._stop_looking.clear()
        gc.collect()

    # -- the last resort -----------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """A camera driver that hangs in the system cannot be canceled: end the process instead."""
        assert self._camera is not None
        while True:
            self._hang.wait(1.0)
            since = self._camera.read_since
            if since is not None and self._clock.monotonic() - since > STUCK_AFTER_S:
                log.error("camera_read_hangs")
                _end("camera_read_hangs")


def _end(why: str) -> NoReturn:
    os._exit(_EXIT_CODES[why])


def _end_with_thread(failed: threading.ExceptHookArgs) -> None:
    """Without one of its threads the process would go on and answer nothing. Words of an error may hold a person's."""
    log.error("vision_thread_failed", thread=failed.thread and failed.thread.name, error=failed.exc_type.__name__)
    _end("out_of_memory" if issubclass(failed.exc_type, MemoryError) else "thread_failed")


def main(argv: list[str] | None = None) -> int:
    """Serve one machine over the inherited socket; ends at once when the other end closes."""
    hardening.no_core_dumps()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket-fd", type=int, required=True)
    parser.add_argument("--frames-fd", type=int, required=True)
    arguments = parser.parse_args(argv)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr), processors=LOG_STEPS)
    threading.excepthook = _end_with_thread
    hardening.bound_memory(MORE_MEMORY_BYTES)
    cv2.setNumThreads(2)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    with socket.socket(fileno=arguments.socket_fd) as connection:
        with suppress(OSError):
            Worker(connection, arguments.frames_fd).run()
        # Threads may sit in a read or in a net: the machine is gone, so nothing waits for them.
        os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
