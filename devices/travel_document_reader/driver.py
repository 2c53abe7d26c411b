"""Reader of machine-readable zones: the device pushes lines; only what was laid on after the question counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

from devices.contract import Completed, Deadline, DriverSettings, Permanent
from devices.declaration import Declaration, DeviceTest
from devices.ranges import Baudrate
from devices.transport import SerialTransport, let_pass
from devices.travel_document_reader import codec, mrz
from devices.travel_document_reader.codec import Framing
from devices.travel_document_reader.status import FEEDER_WORDS, reader_status
from devices.vocabulary import Completion, DeviceStatus

LISTEN_S = 0.1
MOVE_S = 5.0
"""How long the feeder may take for one movement."""


class TravelDocumentReaderSettings(DriverSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``driver = "mrz"``: a reader that pushes machine-readable zones of passports and permits."""

    port: str
    """Serial port, best by a stable name."""
    framing: Framing = "desko"
    """How it frames them: Desko, 3M RTE6701, or EST-100PR-NZ."""
    baudrate: Baudrate = 9600
    """Serial speed; 256000 for an EST-100PR-NZ."""
    parity: Literal["none", "odd", "even"] = "none"
    """Serial parity; odd for an EST-100PR-NZ."""
    one_line: bool = False
    """Whether the one-line zone on permits for Hong Kong and Macao is read (its check digits are believed)."""
    feeder: bool = False
    """Whether the permit is drawn in, given back and kept by a feeder (EST framing; its commands are believed)."""


class TravelDocumentReader:
    """Driver of one reader; ``read_document`` gives a ``Zone``."""

    kind: ClassVar[str] = "travel_document_reader"
    declarations: ClassVar[dict[str, Declaration]] = {
        "travel_document_reader": Declaration(
            "book-open", (DeviceTest("try_document", "book-open"), DeviceTest("eject", "eject"))
        )
    }
    Settings: ClassVar[type[DriverSettings]] = TravelDocumentReaderSettings
    commands: ClassVar[frozenset[str]] = frozenset({"read_document", "eject", "retain", "try_document", "self_test"})
    idle_interval_s: ClassVar[float] = 1.0

    def __init__(self, settings: TravelDocumentReaderSettings, publish: Callable[[DeviceStatus], None]) -> None:
        if settings.feeder and settings.framing != "est":
            raise Permanent("bad_settings", 'travel_document_reader: a feeder is there with framing = "est" only')
        self._settings, self._publish = settings, publish
        self._line = SerialTransport(settings.port, settings.baudrate, parity=settings.parity)
        self._heard = bytearray()
        self._feeder = "empty" if settings.feeder else ""
        self._is_asked = self._is_unasked = False
        """Whether a document is asked for now; whether one was drawn in while none was."""

    def setup(self) -> None:
        """Open. A reader that only pushes cannot be asked whether it is there; the port is all that is known."""
        self._line.open()
        self._heard.clear()
        self._is_unasked = False
        self._publish(reader_status(self._feeder))

    def idle(self) -> None:
        """Notice loss; what is laid on between two visits belongs to nobody and is forgotten, or comes out again."""
        self._forget()
        self._give_back_unasked()
        self._publish(reader_status(self._feeder))

    def teardown(self) -> None:
        """Close; half a frame may be half a person's zone."""
        self._line.close()
        self._heard.clear()

    def read_document(self, deadline: Deadline) -> Completed:
        """Wait for a document; the value is a ``Zone``. With a feeder it is drawn in and held.

        ``check_digit``: one was wrong, lay it on again; ``no_zone``: no lines that could be one; ``no_document``:
        nothing came; ``document_inside``: another person's comes out first. Lines that came before the question are
        another person's.
        """
        self._forget()
        if self._give_back_unasked():
            return Completed(Completion.DEVICE_NOT_READY, error="document_inside")
        self._is_asked = True
        try:
            return self._read(deadline)
        finally:
            self._is_asked = False

    def _read(self, deadline: Deadline) -> Completed:
        if self._settings.feeder and self._feeder != "inserted":
            self._command("accept")
        while not deadline.over:
            if lines := self._next_lines(min(LISTEN_S, max(deadline.left_s, 0.01))):
                return self._judged(lines)
            if self._feeder == "jammed":
                return Completed(Completion.HARDWARE_ERROR, error="jammed")
        return Completed(Completion.TIME_OUT, error="no_document")

    def try_document(self, deadline: Deadline) -> Completed:
        """A technician's sample document; what it says is let go of at once."""
        done = self.read_document(deadline)
        return Completed(done.code, error=done.error)

    def eject(self, deadline: Deadline) -> Completed:
        """Give the document back and wait until it is taken; one that is not stays in the slot (``not_taken``)."""
        if not self._settings.feeder:
            return Completed(Completion.UNSUPPORTED, error="no_feeder")
        if not (done := self._moved("eject", {"at_slot", "taken"})).ok:
            return done
        while self._feeder != "taken":
            if deadline.over:
                return Completed(Completion.TIME_OUT, error="not_taken")
            self._next_lines(LISTEN_S)
        return done

    def retain(self, deadline: Deadline) -> Completed:
        """Keep a document that nobody took: it falls into the box, for a person to give back."""
        if not self._settings.feeder:
            return Completed(Completion.UNSUPPORTED, error="no_feeder")
        return self._moved("retain", {"retained"})

    def self_test(self, deadline: Deadline) -> Completed:
        """Whether the port is there."""
        self.idle()
        error = "jammed" if self._feeder == "jammed" else ""
        return Completed(Completion.HARDWARE_ERROR if error else Completion.SUCCESS, error=error)

    # -- talk ------------------------------------------------------------------------------------------------------

    def _moved(self, command: str, ends: set[str]) -> Completed:
        """A movement counts as done only when the feeder has said so; after silence its end is not known."""
        self._forget()
        self._feeder = "unknown"
        self._command(command)
        wait = Deadline(MOVE_S)
        while self._feeder not in ends:
            if self._feeder == "jammed":
                return Completed(Completion.HARDWARE_ERROR, error="jammed")
            if self._feeder == "empty":
                return Completed(Completion.INVALID_COMMAND, error="nothing_inside")
            if wait.over:
                return Completed(Completion.DEVICE_NOT_READY, error="in_doubt")
            self._next_lines(LISTEN_S)
        return Completed(Completion.SUCCESS)

    def _judged(self, lines: tuple[str, ...]) -> Completed:
        try:
            return Completed(Completion.SUCCESS, mrz.parse(lines, one_line=self._settings.one_line))
        except mrz.MrzError as fault:
            return Completed(Completion.INVALID_DATA, error=fault.error)

    def _next_lines(self, timeout_s: float) -> tuple[str, ...]:
        """The next zone's lines; words of the feeder are taken in on the way."""
        self._heard += self._line.read_some(timeout_s)
        while (pushed := codec.take(self._settings.framing, self._heard)) is not None:
            if isinstance(pushed, tuple):
                return pushed
            self._take_in(pushed.get("Feeder"))
            if lines := codec.est_lines(pushed):
                return lines
        return ()

    def _take_in(self, word: object) -> None:
        if self._settings.feeder and isinstance(word, str) and word in FEEDER_WORDS:
            self._is_unasked = word == "inserted" and not self._is_asked and self._feeder != word
            self._feeder = word
            self._publish(reader_status(word))

    def _give_back_unasked(self) -> bool:
        """A feeder that was told to accept goes on accepting when nobody waits any more.

        Who put a document in then has it back at once, and not whoever is the next to be asked for one.
        """
        was_unasked, self._is_unasked = self._is_unasked, False
        if was_unasked:
            self._command("eject")
        return was_unasked

    def _command(self, command: str) -> None:
        self._line.write(codec.est_frame({"Feeder": command}))

    def _forget(self) -> None:
        let_pass(self._line.read_some, self._pass_over)
        self._heard.clear()

    def _pass_over(self, data: bytes) -> None:
        self._heard += data
        while (pushed := codec.take(self._settings.framing, self._heard)) is not None:
            self._take_in(pushed.get("Feeder") if isinstance(pushed, dict) else None)
