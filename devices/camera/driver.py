"""A camera behind one ``cv2.VideoCapture`` call: device number, device path, clip, image sequence or MJPEG stream."""

from __future__ import annotations

import importlib
import os
import socket
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

import numpy as np
from msgspec import Meta

from devices.camera import status
from devices.contract import Completed, Deadline, DriverSettings, Permanent, TryAgain
from devices.declaration import Declaration, DeviceTest
from devices.ranges import Milliseconds, Pixels, Seconds
from devices.vocabulary import Completion, DeviceStatus

if TYPE_CHECKING:
    import cv2

PROBE_TIMEOUT_S = 1.0
_CODECS = "mjpeg,h264,hevc,mpeg4,mpeg2video,vp8,vp9,av1,libdav1d,rawvideo"
"""Those of cameras and clips. Of others, PNG among them, FFmpeg unpacks a picture to learn how large it is."""
_STREAM_OPTIONS = f"rtsp_transport;tcp|recv_buffer_size;65536|codec_whitelist;{_CODECS}"
"""Of FFmpeg (name;value|…). The first is OpenCV's own; with the second a stream that is read too slowly, as on a busy
computer, waits at the camera and not here: six megabytes that the system would keep are seconds of old pictures."""
MOST_PIXELS = 25_000_000
"""Of one picture: the largest document cameras have 21 million. A few hundred kilobytes of JPEG can say 256 million."""
# OpenCV looks at the size in the head of a picture, its V4L2 ones and those of a sequence too, before it takes memory.
# It asks for the bound once, when it is loaded; the vision worker has it from the machine.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MOST_PIXELS))
DARK_LUMA = 10.0
"""Mean brightness (0..255) below which a picture counts as black."""
SETUP_FRAMES = 5

_QUARTER_TURNS = {0: 0, 90: -1, 180: 2, 270: 1}


def _opencv() -> Any:
    # Loaded at the first opening: the machine's process knows these settings too and need not carry 80 MB for them.
    os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", _STREAM_OPTIONS)
    return importlib.import_module("cv2")


def _pixels(cv2: Any, capture: cv2.VideoCapture) -> float:
    """Of a picture, as the head of the whole says; 0 when it says nothing."""
    if not capture.isOpened():
        return 0
    return capture.get(cv2.CAP_PROP_FRAME_WIDTH) * capture.get(cv2.CAP_PROP_FRAME_HEIGHT)


def _too_large() -> TryAgain:
    return TryAgain(status.TOO_LARGE, f"a picture of more than {MOST_PIXELS // 10**6} megapixels is not looked at")


class CameraSettings(DriverSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keys of ``[devices.camera]`` and ``[devices.document_camera]``."""

    kind: Literal["", "camera", "document_camera"] = ""
    """What it looks at: `camera` sees the person, and there is one at most; `document_camera` sees papers. Empty: as
    the table is called, `camera` under any other name."""
    source: int | str
    """Device number, device path or link (best a /dev/v4l/by-id name; followed anew at every open), clip, image
    sequence (``seq/%04d.jpg``) or ``http://`` MJPEG stream. A picture has 25 megapixels at most."""
    width_px: Pixels = 640
    """Width asked of a local device; streams and clips come as they are."""
    height_px: Pixels = 480
    """Height asked of a local device."""
    fps: Annotated[int, Meta(ge=1, le=240)] = 20
    """Pictures per second asked of a local device, and the pace at which a clip is played."""
    mirror: bool = True
    """Show the person as in a mirror. Checks and stored pictures always use the unmirrored picture; papers are never
    mirrored."""
    rotate_deg: Literal[0, 90, 180, 270] = 0
    """Clockwise turn that sets the picture upright."""
    open_timeout_ms: Milliseconds = 3000
    """How long a stream may take to open."""
    read_timeout_ms: Milliseconds = 1500
    """How long one picture of a stream may take."""
    lost_after_s: Seconds = 3.0
    """Without a new picture for this long the camera counts as lost."""


class OpenCvCamera:
    """Driver of one camera. ``read`` gives an upright, unmirrored BGR picture; ``pause`` lets go of the device."""

    kind: ClassVar[str] = "camera"
    declarations: ClassVar[dict[str, Declaration]] = {
        "camera": Declaration("camera", (DeviceTest("look", "camera"),), at_most_one=True),
        "document_camera": Declaration("scan", (DeviceTest(),)),
    }
    Settings: ClassVar[type[DriverSettings]] = CameraSettings
    commands: ClassVar[frozenset[str]] = frozenset({"read", "self_test"})
    idle_interval_s: ClassVar[float] = 2.0

    def __init__(self, settings: CameraSettings, publish: Callable[[DeviceStatus], None]) -> None:
        self.settings = settings
        self._publish = publish
        self._capture: cv2.VideoCapture | None = None
        self._print: int | None = None
        self._changed_at = 0.0
        self._next_frame_at = 0.0
        self._frozen = False
        self._is_clip = self._is_packed = False
        self._error: str | None = None

    @property
    def local_device(self) -> Path | None:
        """The character device that the source names at this moment, links followed; None for anything else.

        A number, a path or a link (``/dev/v4l/by-id/…``): whatever leads to a character device is a camera, however
        it is called. What the system names in ``/dev`` is one even while it is away.
        """
        path = self._path
        if path is None:
            return None
        there = path.resolve()
        return there if there.is_char_device() or path.is_relative_to("/dev") else None

    @property
    def _path(self) -> Path | None:
        text = str(self.settings.source)
        if text.isascii() and text.isdecimal():
            return Path(f"/dev/video{text}")
        return None if "://" in text or "%" in text else Path(text)

    def setup(self) -> None:
        """Open and see a picture. Raises TryAgain (absent, lost, still frozen) or Permanent (not a source)."""
        self.pause()
        self._reach()
        self._open()
        self._changed_at = time.monotonic()
        for _ in range(SETUP_FRAMES if self._frozen else 1):
            frozen_print = self._print
            self._read()
            if not self._frozen or self._print != frozen_print:
                self._frozen = False
                self._say("")
                return
        raise TryAgain(status.FROZEN, "the picture still does not change")

    def idle(self) -> None:
        """Nobody looks: the device is let go of, and only whether it is still there is seen."""
        self.pause()
        self._reach()

    def teardown(self) -> None:
        """Let go of the device."""
        self.pause()
        self._error = None

    def pause(self) -> None:
        """Close the stream or device; its buffers are freed. ``read`` or ``setup`` opens it again."""
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()

    def read(self, deadline: Deadline) -> Completed:
        """One picture, (height, width, 3) uint8 BGR. Raises TryAgain when the camera is gone or frozen."""
        if deadline.over:
            return Completed(Completion.TIME_OUT)
        if self._capture is None:
            self._open()
            self._changed_at = time.monotonic()
        return Completed(Completion.SUCCESS, self._read())

    def self_test(self, deadline: Deadline) -> Completed:
        """Take a picture and let go of the device; the value is its size. ``camera_dark``: nothing is to be seen.

        The first ones after an opening may be old, or dark because the lens has just woken.
        """
        size = {}
        for _ in range(SETUP_FRAMES):
            done = self.read(deadline)
            if not done.ok:
                self.pause()
                return done
            size = {"width_px": done.value.shape[1], "height_px": done.value.shape[0]}
            done.value[:] = 0
        self.pause()
        if self._error == status.DARK:
            return Completed(Completion.HARDWARE_ERROR, error=status.DARK)
        return Completed(Completion.SUCCESS, size)

    def _reach(self) -> None:
        if self._path is not None:
            found = self._path.exists()
        else:
            found = not self._is_stream or self._answers(str(self.settings.source))
        if not found:
            raise TryAgain(status.ABSENT, "nothing at the configured source")

    @staticmethod
    def _answers(url: str) -> bool:
        parts = urlsplit(url)
        if not parts.hostname:
            raise Permanent(status.SOURCE, "the source is not an address")
        port = parts.port or {"https": 443, "rtsp": 554}.get(parts.scheme, 80)
        try:
            socket.create_connection((parts.hostname, port), PROBE_TIMEOUT_S).close()
        except OSError:
            return False
        return True

    def _open(self) -> None:
        settings, cv2 = self.settings, _opencv()
        device = self.local_device
        self._is_clip = device is None and not self._is_stream
        if device is None and self._path is not None and not self._path.is_file():
            # A pipe in place of a clip would hold the worker for ever.
            raise TryAgain(status.LOST, "the source is neither a camera nor a clip")
        if device is not None:
            wanted = [cv2.CAP_PROP_FRAME_WIDTH, settings.width_px, cv2.CAP_PROP_FRAME_HEIGHT, settings.height_px,
                      cv2.CAP_PROP_FPS, settings.fps]  # fmt: skip
            capture = cv2.VideoCapture(str(device), cv2.CAP_V4L2, wanted)
        else:
            limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, settings.open_timeout_ms,
                      cv2.CAP_PROP_READ_TIMEOUT_MSEC, settings.read_timeout_ms]  # fmt: skip
            capture = cv2.VideoCapture(str(settings.source), cv2.CAP_FFMPEG, limits)
            if not self._is_stream and not _pixels(cv2, capture):
                capture = cv2.VideoCapture(str(settings.source), cv2.CAP_IMAGES)
        if not capture.isOpened():
            raise TryAgain(status.LOST, "the source does not open")
        self._capture = capture
        # FFmpeg takes what memory the pictures of a stream ask for, each as it comes: MJPEG is had from it packed.
        is_mjpeg = capture.get(cv2.CAP_PROP_FOURCC) == cv2.VideoWriter.fourcc(*"MJPG")
        self._is_packed = device is None and is_mjpeg and capture.set(cv2.CAP_PROP_FORMAT, -1)
        pixels = _pixels(cv2, capture)
        if self._is_stream and not self._is_packed and not pixels:
            raise TryAgain(status.LOST, "the source is no stream of a camera")
        if pixels > MOST_PIXELS:
            raise _too_large()

    @property
    def _is_stream(self) -> bool:
        return "://" in str(self.settings.source)

    def _read(self) -> np.ndarray:
        assert self._capture is not None
        frame = self._next_picture()
        if frame is None and self._is_clip:
            self.pause()
            self._open()
            frame = self._next_picture()
        if frame is None:
            raise TryAgain(status.LOST, "no picture came in time")
        self._judge(frame)
        if self._is_clip:
            self._pace()
        turns = _QUARTER_TURNS[self.settings.rotate_deg]
        return np.ascontiguousarray(np.rot90(frame, turns)) if turns else frame

    def _next_picture(self) -> np.ndarray | None:
        """Of packed ones the next that is not damaged; None when none comes."""
        assert self._capture is not None
        cv2 = _opencv()
        for _ in range(SETUP_FRAMES):
            try:
                good, picture = self._capture.read()
                if not good or not self._is_packed:
                    return picture if good else None
                unpacked = cv2.imdecode(picture, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
            except cv2.error:
                raise _too_large() from None
            picture[:] = 0
            if unpacked is not None:
                return unpacked
        return None

    def _judge(self, frame: np.ndarray) -> None:
        """Notice a standing or black picture, keeping no picture: only the checksum of a few of its pixels."""
        sample = np.ascontiguousarray(frame[4::8, 4::8])
        now, found = time.monotonic(), zlib.crc32(sample.data)
        if found != self._print:
            self._print, self._changed_at = found, now
        elif now - self._changed_at > self.settings.lost_after_s and not self._is_clip:
            self._frozen = True
            raise TryAgain(status.FROZEN, "the picture does not change")
        if not self._frozen:
            self._say(status.DARK if float(sample.mean()) < DARK_LUMA else "")
        sample[:] = 0

    def _say(self, error: str) -> None:
        if error != self._error:
            self._error = error
            self._publish(status.camera_status(error))

    def _pace(self) -> None:
        now = time.monotonic()
        self._next_frame_at = max(self._next_frame_at + 1 / max(self.settings.fps, 1), now - 1.0)
        time.sleep(max(0.0, min(self._next_frame_at - now, 1.0)))
