"""The worker's camera thread: opens, reads and re-opens the camera, shows the preview, keeps the newest picture."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NoReturn

import numpy as np
import structlog

from devices.backoff import Backoff
from devices.camera import status
from devices.camera.driver import CameraSettings, OpenCvCamera
from devices.camera.status import camera_status
from devices.contract import Deadline, Permanent, TryAgain
from devices.vocabulary import DeviceState, DeviceStatus
from kiosk.clock import Clock
from kiosk.vision.frames import FrameWriter
from kiosk.vision.protocol import LooksAt

log = structlog.get_logger()

BACKOFF_S = (0.5, 5.0)
QUICK_RETRY_S = 0.2
LINGER_S = 3.0
"""The camera stays open this long after it was last wanted: between two pages it need not close."""


class CameraThread(threading.Thread):
    """One camera. ``want`` and what forgets are called from other threads; pictures are taken with ``newer_than``."""

    def __init__(
        self,
        settings: CameraSettings,
        preview: FrameWriter,
        publish: Callable[[DeviceStatus], None],
        looks_at: LooksAt = "people",
    ) -> None:
        super().__init__(name="camera", daemon=True)
        self._driver = OpenCvCamera(settings, self._say)
        self._settings, self._preview, self._publish = settings, preview, publish
        self._clock = Clock()
        # The camera of papers is watched over in the machine's own process: here it is opened for a paper only, and a
        # paper is shown as it lies.
        self._is_shared = looks_at == "papers"
        self._mirror = settings.mirror and not self._is_shared
        self._turn = threading.Condition()
        self._wanted: set[str] = set()
        self._wanted_until = 0.0
        self._forgetting = self._nobody_waits = False
        self._number, self._frame = 0, np.empty((0, 0, 3), np.uint8)
        self._frame_at = float("-inf")
        self._backoff = Backoff(*BACKOFF_S)
        self.read_since: float | None = None
        self.status = DeviceStatus()

    def want(self, who: str, *, on: bool) -> None:
        """``who`` needs pictures, or no longer does."""
        with self._turn:
            (self._wanted.add if on else self._wanted.discard)(who)
            if not on:
                self._wanted_until = self._clock.monotonic() + LINGER_S
            self._turn.notify_all()

    def newer_than(self, number: int, timeout_s: float) -> tuple[int, np.ndarray] | None:
        """Number and picture (not mirrored; a copy of the caller's own) that came after ``number``."""

        def is_there() -> bool:
            return self._number > number and self._frame.size > 0

        with self._turn:
            self._turn.wait_for(lambda: self._nobody_waits or is_there(), timeout_s)
            return (self._number, self._frame.copy()) if is_there() and not self._nobody_waits else None

    def let_waiting_go(self) -> None:
        """No picture is waited for any more, until the camera has forgotten."""
        with self._turn:
            self._nobody_waits = True
            self._turn.notify_all()

    def begin_forgetting(self) -> None:
        """Close the camera and overwrite its pictures as soon as the read under way comes back."""
        with self._turn:
            self._wanted.clear()
            self._forgetting = True
            self._turn.notify_all()

    def forgotten(self, timeout_s: float) -> bool:
        """Wait for what ``begin_forgetting`` began; whether that was done in time."""
        with self._turn:
            self._nobody_waits = False
            return self._turn.wait_for(lambda: not self._forgetting, timeout_s)

    def run(self) -> None:
        """Until the process ends."""
        while True:
            while self._is_shared and not self._is_wanted():
                self._rest(float("inf"))
            fault = self._until_fault()
            if isinstance(fault, TryAgain):
                self._lost(fault)
            else:
                self._say(camera_status(fault.error, fault.detail))
                self._rest(float("inf"))

    def _until_fault(self) -> TryAgain | Permanent:
        """Serve until the camera fails.

        Told anew: the fault itself keeps the frames that it came through, and so the last picture, for as long as
        anybody rests over it.
        """
        try:
            self._driver.setup()
            self._backoff.reset()
            self._serve()
        except (TryAgain, Permanent) as fault:
            return type(fault)(fault.error, fault.detail)

    def _serve(self) -> NoReturn:
        while True:
            self._forget_now()
            if self._is_wanted():
                self._grab_picture()
            else:
                self._driver.pause()
                self._wipe_pictures()
                self._rest(self._driver.idle_interval_s)
                if not self._is_wanted():
                    self._driver.idle()

    def _grab_picture(self) -> None:
        self.read_since = self._clock.monotonic()
        try:
            frame = self._driver.read(Deadline(self._settings.lost_after_s)).value
        finally:
            self.read_since = None
        with self._turn:
            if self._forgetting:
                frame[:] = 0
                return
            self._preview.write(frame, mirror=self._mirror)
            self._frame[:] = 0
            self._number, self._frame, self._frame_at = self._number + 1, frame, self._clock.monotonic()
            self._turn.notify_all()

    def _lost(self, fault: TryAgain) -> None:
        """A hiccup shorter than ``lost_after_s`` is mended without a word."""
        self._driver.teardown()
        if fault.error == status.LOST and self._clock.monotonic() - self._frame_at < self._settings.lost_after_s:
            self._rest(QUICK_RETRY_S)
            return
        seen = self._frame_at > float("-inf")
        error = status.LOST if fault.error == status.ABSENT and seen else fault.error
        self._say(camera_status(error, fault.detail))
        self._wipe_pictures()
        self._rest(self._backoff.pause_s(stood=False))

    def _say(self, found: DeviceStatus) -> None:
        if not found.same_as(self.status):
            log.info("camera_status", device=found.device, error=found.error)
            self.status = found
            self._publish(found)
            with self._turn:
                self._turn.notify_all()

    def _is_wanted(self) -> bool:
        return bool(self._wanted) or self._clock.monotonic() < self._wanted_until

    def _rest(self, seconds: float) -> None:
        """Wait, less when somebody begins to want pictures or asks to forget."""
        with self._turn:
            wanted = self._is_wanted()
            limit = None if seconds == float("inf") else seconds
            self._turn.wait_for(lambda: self._forgetting or (not wanted and self._is_wanted()), limit)
        self._forget_now()

    def _forget_now(self) -> None:
        if self._forgetting:
            self._driver.pause()
            self._wipe_pictures()
            with self._turn:
                self._wanted_until = 0.0
                self._forgetting = False
                self._turn.notify_all()

    def _wipe_pictures(self) -> None:
        with self._turn:
            self._frame[:] = 0
            self._frame = np.empty((0, 0, 3), np.uint8)
            self._preview.clear()

    @property
    def gone(self) -> bool:
        """Whether pictures cannot be expected now."""
        return self.status.device not in (DeviceState.ONLINE, DeviceState.STARTING)
