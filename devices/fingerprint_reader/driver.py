"""Fingerprint reader: pictures of a finger until one is good enough. What they mean is judged elsewhere.

Readers for the police are used through a vendor's library (believed after GA/T 626.1: ``LIVESCAN_Init``,
``BeginCapture``, ``GetFPRawData``, ``EndCapture``): it sits behind a bridge that speaks JSON lines, or in a subclass
with another ``scanner``.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, get_args

import msgspec

from devices import kinds
from devices.contract import Completed, Deadline, DriverSettings, TryAgain
from devices.declaration import Declaration, DeviceTest
from devices.json_line import BridgeRefusal, JsonLine, code
from devices.ranges import Baudrate, Milliseconds
from devices.transport import SerialTransport
from devices.vocabulary import Completion, DeviceState, DeviceStatus, MediaState

SETTLE_S = 2.0
LOOK_S = 0.1
LARGEST_PX = 1000
LAST_BREATH_S = 1.0
"""How long a picture is still waited for that nobody wants any more: the wipe of the visit waits for it."""

Finger = Literal[
    "right_thumb",
    "right_index",
    "right_middle",
    "right_ring",
    "right_little",
    "left_thumb",
    "left_index",
    "left_middle",
    "left_ring",
    "left_little",
]


class FingerprintReaderSettings(DriverSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``driver = "fingerprint_reader"``: a fingerprint reader behind a bridge that speaks JSON lines."""

    port: str
    """Serial port or pty of the bridge that speaks JSON lines."""
    baudrate: Baudrate = 115200
    """Serial speed, 8N1."""
    answer_timeout_ms: Milliseconds = 3000
    """How long one answer, picture included, may take."""
    good_quality: int = 60
    """From which quality (0 to 100, the library's own scale) a picture is good enough."""


@dataclass(frozen=True, slots=True)
class Capture:
    """One picture of one finger: grey, 8 bits, row by row from the top, 500 dpi. It is held by nobody but its asker."""

    finger: str
    quality: int
    width_px: int
    height_px: int
    pixels: bytes = field(repr=False)


class Scanner(Protocol):
    """A vendor's reader: plain blocking calls. TryAgain when it does not answer."""

    def open(self) -> None:
        """Open and shake hands."""

    def close(self) -> None:
        """Let go, light off; never raises."""

    def fault(self, deadline: Deadline) -> str:
        """A stable code of what is wrong, "" when nothing is."""
        ...

    def look(self, finger: str, deadline: Deadline) -> Capture | None:
        """What lies on the glass now; None when nothing does."""
        ...


class FingerprintReader:
    """Driver over a ``Scanner``."""

    kind: ClassVar[str] = "fingerprint_reader"
    declarations: ClassVar[dict[str, Declaration]] = {
        "fingerprint_reader": Declaration("fingerprint", (DeviceTest(), DeviceTest("try_finger", "fingerprint")))
    }
    Settings: ClassVar[type[DriverSettings]] = FingerprintReaderSettings
    commands: ClassVar[frozenset[str]] = frozenset({"capture", "try_finger", "self_test"})
    idle_interval_s: ClassVar[float] = 2.0

    def __init__(self, settings: Any, publish: Callable[[DeviceStatus], None]) -> None:
        self._settings, self._publish = settings, publish
        self._scanner = self.scanner(settings)

    def scanner(self, settings: Any) -> Scanner:
        """The reader that these settings name."""
        return JsonScanner(settings)

    def setup(self) -> None:
        """Open and hear the reader."""
        self._scanner.open()
        self._look()

    def idle(self) -> None:
        """Publish faults."""
        self._look()

    def teardown(self) -> None:
        """Let go of the reader."""
        self._scanner.close()

    def capture(self, deadline: Deadline, finger: Finger = "right_thumb") -> Completed:
        """Wait for a good picture of ``finger``; the value is a ``Capture``.

        Before it, the glass must have been free: what lies there from the person before, or is left as a latent print,
        is no finger of this one. ``poor_quality``: there were pictures, none was good; ``no_finger``: there was none.
        """
        if finger not in get_args(Finger):
            return Completed(Completion.INVALID_DATA, error="no_such_finger")
        was_free, seen = False, False
        while not deadline.over:
            found = self._scanner.look(finger, deadline)
            was_free = was_free or found is None
            if found is not None and was_free:
                seen = True
                if found.quality >= self._settings.good_quality:
                    return Completed(Completion.SUCCESS, found)
            deadline.pause(LOOK_S)
        if not was_free:
            return Completed(Completion.TIME_OUT, error="glass_not_free")
        return Completed(Completion.TIME_OUT, error="poor_quality" if seen else "no_finger")

    def try_finger(self, deadline: Deadline) -> Completed:
        """A technician's own finger; the picture is let go of at once."""
        done = self.capture(deadline)
        return Completed(done.code, error=done.error)

    def self_test(self, deadline: Deadline) -> Completed:
        """Ask the reader."""
        error = self._look().error
        return Completed(Completion.HARDWARE_ERROR if error else Completion.SUCCESS, error=error)

    def _look(self) -> DeviceStatus:
        error = self._scanner.fault(Deadline(SETTLE_S))
        device = DeviceState.HARDWARE_ERROR if error else DeviceState.ONLINE
        status = DeviceStatus(device, MediaState.UNKNOWN, error=error)
        self._publish(status)
        return status


class JsonScanner:
    """``Scanner`` over one bridge."""

    def __init__(self, settings: FingerprintReaderSettings) -> None:
        self._line = JsonLine(SerialTransport(settings.port, settings.baudrate), settings.answer_timeout_ms / 1000)

    def open(self) -> None:
        """See ``Scanner``."""
        self._line.open()

    def close(self) -> None:
        """See ``Scanner``."""
        self._line.close()

    def fault(self, deadline: Deadline) -> str:
        """See ``Scanner``."""
        try:
            return code(self._line.ask("state", deadline).get("fault"))
        except BridgeRefusal as refusal:
            return refusal.error

    def look(self, finger: str, deadline: Deadline) -> Capture | None:
        """See ``Scanner``."""
        try:
            answer = self._line.ask("look", deadline, last_breath_s=LAST_BREATH_S, finger=finger)
        except BridgeRefusal as refusal:
            raise TryAgain(refusal.error) from None
        return _capture(finger, answer) if answer.get("quality") is not None else None


class _Look(msgspec.Struct):
    quality: int
    width_px: int
    height_px: int
    pixels: str


def _capture(finger: str, answer: dict[str, Any]) -> Capture:
    try:
        found = kinds.convert(answer, _Look)
        pixels = base64.b64decode(found.pixels, validate=True)
    except (msgspec.ValidationError, ValueError):
        raise TryAgain("garbled", "no picture in the answer") from None
    is_sound = 0 < found.width_px <= LARGEST_PX and len(pixels) == found.width_px * found.height_px
    if not (is_sound and 0 <= found.quality <= 100):
        raise TryAgain("garbled", "a picture of another size than it says")
    return Capture(finger, found.quality, found.width_px, found.height_px, pixels)
