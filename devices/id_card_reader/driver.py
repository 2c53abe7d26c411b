"""Reads identity cards through a SAM_V / SAM_A module: find, select, read, and notice when the card is lifted."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import Annotated, ClassVar, Literal

import structlog
from msgspec import Meta

from devices.contract import Completed, Deadline, DriverSettings, TryAgain
from devices.declaration import Declaration, DeviceTest
from devices.id_card_reader import codec
from devices.id_card_reader.card import UnknownKind, added_addresses, parse_card
from devices.id_card_reader.module import SamModule
from devices.id_card_reader.photo import PhotoDecoder
from devices.id_card_reader.placement import EMPTY_LOOKS, Placement
from devices.id_card_reader.status import CARD_LEFT, Meaning, Remedy, meaning
from devices.vocabulary import Completion, DeviceState, DeviceStatus, MediaState

READ_ATTEMPTS = 3
SELECT_ATTEMPTS = 3
LIFT_PATIENCE_S = 1.0
"""How long a card that was asked to be lifted is not tried again; a quick lift may happen between two polls."""

POLL_MARGIN_S = 0.02
"""Polls must be more than the interval apart, measured at the reader; USB adapters hold bytes for up to 16 ms."""

STATUS_EVERY_S = 5.0
PROBE_S = 0.4
LOOK_S = 10.0
NAME_S = 1.0
MOST_UNHEARD = 2

log = structlog.get_logger("devices")


class SamVSettings(DriverSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Identity card reader with a SAM_V / SAM_A module on a serial port."""

    port: Annotated[str, Meta(min_length=1)]
    """Serial port; a symlink (best a /dev/serial/by-id name) is followed anew at every open."""
    baudrate: Annotated[int, Meta(gt=0)] = 115200
    """Speed of the module. A silent reader is tried at the five speeds 115200 to 9600."""
    poll_interval_ms: Annotated[int, Meta(ge=300, le=5000)] = 300
    """Least time between two searches for a card, in milliseconds."""
    read_fingerprint: bool = False
    """Whether to read the fingerprint templates as well."""
    read_added_address: bool = True
    """Whether to read the addresses appended to the chip after it was issued."""
    photo_decoder: Annotated[str, Meta(pattern=r"^(auto|none|entry-point:.+)$")] = "auto"
    """Who decodes the photo: "auto" (WebP, JPEG; WLT by an installed vendor library), "none" or "entry-point:NAME"."""
    removal: Literal["auto", "find", "reread"] = "auto"
    """How a lifted card is noticed. After a read some readers answer a search with "no card" until the card is lifted,
    others go on finding it: "auto" learns which, "find" trusts the search, "reread" asks the chip for its number."""


class Seen(Enum):
    """What a look at the reader shows."""

    SAME = "the card is still there"
    FRESH = "another card, or the same after it was lifted"
    NONE = "no card"
    UNSURE = "no whole answer"
    UNKNOWABLE = "this reader cannot tell"


class SamVReader:
    """Driver of the card reader.

    Commands ``read_card``, ``read_added_addresses``, ``wait_removed``, ``card_present``, ``self_test``.
    """

    kind: ClassVar[str] = "id_card_reader"
    declarations: ClassVar[dict[str, Declaration]] = {
        "id_card_reader": Declaration(
            "identification-card", (DeviceTest("test_read", "identification-card"), DeviceTest())
        )
    }
    Settings: ClassVar[type[DriverSettings]] = SamVSettings
    commands: ClassVar[frozenset[str]] = frozenset(
        {"read_card", "read_added_addresses", "wait_removed", "card_present", "self_test"}
    )

    def __init__(self, settings: SamVSettings, publish: Callable[[DeviceStatus], None]) -> None:
        self._settings, self._publish = settings, publish
        self._module = SamModule(settings.port, settings.baudrate)
        self._photos: PhotoDecoder | None = None
        self._read_command = codec.READ_TEXT_PHOTO_FINGER if settings.read_fingerprint else codec.READ_TEXT_PHOTO
        self._unsupported: set[codec.Command] = set()
        self._unheard = 0
        """How often in a row a chip's number was asked for and nothing was said."""
        self._sam_id = ""
        self._broken = ""
        self._media = MediaState.UNKNOWN
        self._needs_lifting = False
        self._read_kind = ""
        """Kind of the card that was read last and lies there still."""
        self._find_hides = settings.removal == "reread"
        self._found_since_read = settings.removal == "find"
        self._next_find = self._next_status = 0.0
        self._placement = Placement()

    @property
    def idle_interval_s(self) -> float:
        """A card that lies there is looked at more often, so that a quick exchange is seen."""
        return 0.3 if self._media is MediaState.PRESENT else 1.0

    # -- driver contract -----------------------------------------------------------------------------------------

    def setup(self) -> None:
        """Open, find the speed, shake hands."""
        self._read_kind = ""
        self._unsupported.clear()
        self._unheard = 0
        self._photos = self._photos or PhotoDecoder(self._settings.photo_decoder)
        self._judge(self._shake_hands())
        frame = self._module.ask(codec.SAM_ID, Deadline(1.0))
        if frame is not None and frame.sw3 == codec.OK:
            self._sam_id = codec.show_sam_id(frame.data)
        self._placement.forget()
        self._say(MediaState.UNKNOWN)

    def idle(self) -> None:
        """Notice an unplugged port at once, a card that comes or goes soon, a sick module now and then."""
        self._module.check_line()
        for _ in range(EMPTY_LOOKS if self._media is MediaState.UNKNOWN else 1):
            self._watch_place(Deadline(LOOK_S))
        if time.monotonic() >= self._next_status:
            self._judge(self._sam_status())
            self._say(self._media)

    def teardown(self) -> None:
        """Close the port; what was in buffers is erased."""
        self._module.close()

    # -- commands ------------------------------------------------------------------------------------------------

    def read_card(self, deadline: Deadline, put_down_after: float | None = None) -> Completed:
        """Wait for a card and read it; the value is an ``IdCard``, without the appended addresses.

        With ``put_down_after`` (monotonic seconds) only one that was put down anew since then, by what was seen of it:
        what lay there before, or when the reader was plugged in, is named ``card_left`` in the status and not read.
        Errors: ``lift_card`` (lift it and place it again), ``unknown_card``, ``select_failed`` (all ``userError``),
        ``no_card`` (``timeOut``), the module's own (``hardwareError``).
        """
        if self._broken:
            return Completed(Completion.HARDWARE_ERROR, error=self._broken)
        self._read_kind = ""
        patience_ends = time.monotonic() + LIFT_PATIENCE_S
        failed_selects = 0
        while not deadline.over:
            found = self._find(deadline)
            if found is None:
                continue
            if found.sw3 != codec.CARD_FOUND:
                if (refusal := self._not_found(found, deadline, told=put_down_after is not None)) is not None:
                    return refusal
                continue
            if put_down_after is not None and not self._put_down(put_down_after, deadline):
                self._say(MediaState.PRESENT, CARD_LEFT)
                continue
            if self._needs_lifting and time.monotonic() < patience_ends:
                continue
            self._say(MediaState.PRESENT)
            selected = self._module.ask(codec.SELECT_CARD, deadline)
            if selected is not None and selected.sw3 == codec.OK:
                return self._read(deadline)
            if selected is not None and meaning(selected.sw3).remedy in (Remedy.OTHER_CARD, Remedy.SERVICE):
                return self._refused(meaning(selected.sw3))
            failed_selects += 1
            if failed_selects >= SELECT_ATTEMPTS:
                return self._lift("select_failed")
        return Completed(Completion.TIME_OUT, error="no_card")

    def read_added_addresses(self, deadline: Deadline) -> Completed:
        """Read what was appended to the chip of the card just read, oldest first; the value is a tuple of texts.

        A command of its own, because it takes as long again as the card: the name is shown meanwhile. Errors:
        ``card_lifted`` (``userError``: it is not there any more), ``not_offered`` (``unsupportedCommand``: this reader
        cannot), else the module's own.
        """
        if not self._read_kind:
            return Completed(Completion.USER_ERROR, error="card_lifted")
        if self._read_kind != "resident" or not self._settings.read_added_address:
            return Completed(Completion.SUCCESS, value=())
        for _ in range(READ_ATTEMPTS):
            if codec.READ_ADDED_ADDRESS in self._unsupported:
                return Completed(Completion.UNSUPPORTED, error="not_offered")
            frame = self._module.ask(codec.READ_ADDED_ADDRESS, deadline)
            if deadline.over and frame is None:
                break
            if frame is None:
                if not self._module.heard:
                    self._unsupported.add(codec.READ_ADDED_ADDRESS)
            elif frame.sw3 in (codec.OK, codec.NO_CONTENT):
                if (texts := added_addresses(frame.data)) is not None:
                    return Completed(Completion.SUCCESS, value=texts)
            elif frame.sw3 == codec.BAD_COMMAND:
                self._unsupported.add(codec.READ_ADDED_ADDRESS)
            elif meaning(frame.sw3).remedy is not Remedy.REPEAT:
                return Completed(Completion.USER_ERROR, error="card_lifted", detail=meaning(frame.sw3).error)
        return Completed(Completion.TIME_OUT, error="card_unreadable")

    def wait_removed(self, deadline: Deadline) -> Completed:
        """Wait until the card that was read has been lifted; ``removal_unknown`` where a reader cannot tell."""
        gone_looks = 0
        while not deadline.over:
            seen = self._look(deadline)
            if seen is Seen.UNKNOWABLE:
                return Completed(Completion.UNSUPPORTED, error="removal_unknown")
            # One failed look may be a disturbance; two in a row are a lifted card.
            gone_looks = gone_looks + 1 if seen in (Seen.NONE, Seen.FRESH) else 0
            if gone_looks >= 2:
                self._removed()
                return Completed(Completion.SUCCESS)
        return Completed(Completion.TIME_OUT, error="card_present")

    def card_present(self, deadline: Deadline) -> Completed:
        """Whether a card lies there now; the value is a bool."""
        while not deadline.over:
            seen = self._look(deadline)
            if seen is Seen.UNKNOWABLE:
                return Completed(Completion.UNSUPPORTED, error="removal_unknown")
            if seen is not Seen.UNSURE:
                return Completed(Completion.SUCCESS, value=seen is not Seen.NONE)
        return Completed(Completion.TIME_OUT, error="no_answer")

    def self_test(self, deadline: Deadline) -> Completed:
        """The module's own self-test; the value names the SAM and the speed."""
        frame = self._module.ask(codec.SAM_STATUS, deadline)
        if frame is None:
            return Completed(Completion.TIME_OUT, error="no_answer")
        self._judge(frame)
        self._say(self._media)
        if self._broken:
            return Completed(Completion.HARDWARE_ERROR, error=self._broken)
        return Completed(Completion.SUCCESS, value={"sam_id": self._sam_id, "baudrate": self._module.baudrate})

    # -- reading -------------------------------------------------------------------------------------------------

    def _read(self, deadline: Deadline) -> Completed:
        for _ in range(READ_ATTEMPTS):
            frame = self._module.ask(self._read_command, deadline)
            if deadline.over and frame is None:
                return Completed(Completion.TIME_OUT, error="card_unreadable")
            if frame is not None and frame.sw3 == codec.OK:
                if (completed := self._taken(frame.data)) is not None:
                    return completed
                continue
            if frame is not None and self._falls_back(frame):
                continue
            if frame is not None and meaning(frame.sw3).remedy in (Remedy.OTHER_CARD, Remedy.SERVICE):
                return self._refused(meaning(frame.sw3))
            # A damaged answer is asked for again right away; a failed or silent read wants the whole sequence.
            if (frame is not None or not self._module.heard) and not self._reselect(deadline):
                break
        return self._lift("lift_card")

    def _taken(self, data: bytes) -> Completed | None:
        """The completion that ``data`` allows; None when it cannot be true and should be read again."""
        blocks = codec.split_read(data)
        if blocks is None:
            return None
        try:
            card = parse_card(*blocks)
        except UnknownKind:
            return self._refused(meaning(codec.UNKNOWN_CARD))
        if card.doubts:
            log.warning("card_implausible", doubts=list(card.doubts))
            return None
        self._found_since_read = self._settings.removal == "find"
        self._needs_lifting, self._read_kind = False, card.kind
        # Before anybody can lift it: the next card is known from this one, however soon it comes.
        chip = self._name_chip(Deadline(NAME_S))
        self._say(MediaState.PRESENT)
        portrait = self._photos.decode(card.photo) if self._photos else None
        return Completed(Completion.SUCCESS, value=replace(card, portrait=portrait, chip=chip))

    def _falls_back(self, frame: codec.Frame) -> bool:
        """A module without fingerprint reading refuses the command: read without, from now on."""
        falls = frame.sw3 == codec.BAD_COMMAND and self._read_command is codec.READ_TEXT_PHOTO_FINGER
        if falls:
            self._read_command = codec.READ_TEXT_PHOTO
        return falls

    def _reselect(self, deadline: Deadline) -> bool:
        found = self._find(deadline)
        if found is None or found.sw3 != codec.CARD_FOUND:
            return False
        selected = self._module.ask(codec.SELECT_CARD, deadline)
        return selected is not None and selected.sw3 == codec.OK

    def _find(self, deadline: Deadline) -> codec.Frame | None:
        """Search once, no sooner after the former search than the module allows."""
        while not deadline.over and (wait_s := self._next_find - time.monotonic()) > 0:
            deadline.pause(wait_s)
        if deadline.over:
            return None
        try:
            found = self._module.ask(codec.FIND_CARD, deadline)
        finally:
            self._next_find = self._module.asked_at + self._settings.poll_interval_ms / 1000 + POLL_MARGIN_S
        if found is not None and found.sw3 == codec.CARD_FOUND:
            self._placement.found()
        elif found is None and not self._module.heard:
            self._placement.forget()
        return found

    def _not_found(self, found: codec.Frame, deadline: Deadline, *, told: bool) -> Completed | None:
        means = meaning(found.sw3)
        if means.remedy in (Remedy.OTHER_CARD, Remedy.SERVICE):
            return self._refused(means)
        if found.sw3 == codec.NO_CARD:
            self._needs_lifting = False
            seen = self._nothing_found(deadline)
            if seen is Seen.SAME and told:
                self._say(MediaState.PRESENT, CARD_LEFT)
            elif seen is not Seen.SAME and (self._media is MediaState.UNKNOWN or self._placement.is_empty):
                self._say(MediaState.NOT_PRESENT)
        return None

    def _lift(self, error: str) -> Completed:
        self._needs_lifting = True
        self._found_since_read = self._settings.removal == "find"
        return self._refused(Meaning(error, Completion.USER_ERROR, Remedy.LIFT))

    def _refused(self, means: Meaning) -> Completed:
        if means.remedy is Remedy.SERVICE:
            self._next_status = 0.0
        self._say(self._media, means.error if means.completion is Completion.USER_ERROR else "")
        return Completed(means.completion, error=means.error)

    # -- is the card still there? --------------------------------------------------------------------------------

    def _look(self, deadline: Deadline) -> Seen:
        """Search, and where a search finds nothing, ask the chip itself: that is allowed without lifting it."""
        found = self._find(deadline)
        if found is None:
            return Seen.UNSURE
        if found.sw3 == codec.CARD_FOUND:
            if self._find_hides:
                self._compare_chip(deadline)
                return Seen.FRESH
            self._found_since_read = True
            return Seen.SAME
        if found.sw3 != codec.NO_CARD:
            return Seen.UNSURE
        return self._nothing_found(deadline)

    def _nothing_found(self, deadline: Deadline) -> Seen:
        """After a search without a card: the place is empty, or a card that was read hides there."""
        sure = self._found_since_read or self._media is MediaState.NOT_PRESENT
        seen = Seen.NONE if sure else self._touch(deadline)
        # Where nobody can tell, a card that is found later was put down in between: a hidden one is not found.
        if seen in (Seen.NONE, Seen.UNKNOWABLE):
            self._placement.empty()
        return seen

    def _watch_place(self, deadline: Deadline) -> None:
        seen = self._look(deadline)
        if seen in (Seen.SAME, Seen.FRESH) and self._media is not MediaState.PRESENT:
            self._say(MediaState.PRESENT)
        elif seen is Seen.NONE and self._placement.is_empty and self._media is not MediaState.NOT_PRESENT:
            self._removed()

    def _put_down(self, since_s: float, deadline: Deadline) -> bool:
        """Whether the card that was found is new; a quick exchange shows by the chip where its number is told."""
        if not self._placement.is_new(since_s):
            self._compare_chip(deadline)
        return self._placement.is_new(since_s)

    def _compare_chip(self, deadline: Deadline) -> None:
        if not self._placement.knows_chip:
            return
        selected = self._module.ask(codec.SELECT_CARD, deadline)
        if selected is not None and selected.sw3 == codec.OK:
            self._name_chip(deadline)

    def _name_chip(self, deadline: Deadline) -> str:
        """The number of a chip that has just been read may be asked for without another search: its digest, or "".

        A damaged answer is asked for again. Some modules say nothing to a question that they do not know.
        """
        frame = None
        for _ in range(READ_ATTEMPTS):
            if codec.READ_CHIP_NUMBER in self._unsupported or deadline.over:
                return ""
            frame = self._module.ask(codec.READ_CHIP_NUMBER, deadline)
            if frame is not None:
                break
            self._unheard = 0 if self._module.heard else self._unheard + 1
            if self._unheard >= MOST_UNHEARD:
                self._unsupported.add(codec.READ_CHIP_NUMBER)
        if frame is None:
            return ""
        self._unheard = 0
        if frame.sw3 == codec.BAD_COMMAND:
            self._unsupported.add(codec.READ_CHIP_NUMBER)
        if frame.sw3 != codec.OK:
            return ""
        self._placement.chip(frame.data)
        return hashlib.sha256(frame.data).hexdigest()

    def _touch(self, deadline: Deadline) -> Seen:
        for command in (codec.READ_CHIP_NUMBER, codec.READ_ADDED_ADDRESS):
            if command in self._unsupported:
                continue
            frame = self._module.ask(command, deadline)
            if frame is None:
                return Seen.UNSURE if self._module.heard or deadline.over else Seen.NONE
            if frame.sw3 in (codec.OK, codec.NO_CONTENT):
                self._find_hides = True
                if command is codec.READ_CHIP_NUMBER and frame.sw3 == codec.OK:
                    self._placement.chip(frame.data)
                return Seen.SAME
            if frame.sw3 != codec.BAD_COMMAND:
                return Seen.NONE
            self._unsupported.add(command)
        return Seen.UNKNOWABLE

    def _removed(self) -> None:
        self._needs_lifting, self._read_kind = False, ""
        self._say(MediaState.NOT_PRESENT)

    # -- module --------------------------------------------------------------------------------------------------

    def _shake_hands(self) -> codec.Frame:
        """The module's status at the configured speed, else at the one that answers."""
        speeds = dict.fromkeys((self._module.baudrate, self._settings.baudrate, *codec.BAUDRATES))
        for speed in speeds:
            self._module.open(speed)
            timeout_s = codec.SAM_STATUS.timeout_s if speed == self._settings.baudrate else PROBE_S
            for _ in range(2):
                frame = self._module.ask(codec.SAM_STATUS, Deadline(timeout_s), timeout_s)
                if frame is not None:
                    if speed != self._settings.baudrate:
                        log.warning("reader_speed_found", baudrate=speed, configured=self._settings.baudrate)
                    return frame
                if not self._module.heard:
                    break
        raise TryAgain("silent", "the reader answers at none of its speeds")

    def _sam_status(self) -> codec.Frame:
        for _ in range(3):
            if (frame := self._module.ask(codec.SAM_STATUS, Deadline(2.0))) is not None:
                return frame
        raise TryAgain("garbled", "the reader's answers are damaged")

    def _judge(self, status: codec.Frame) -> None:
        """A module that fails its self-test is reset once; it may recover, so its status is asked again later."""
        if status.sw3 == codec.SELF_TEST_FAILED and not self._broken:
            self._module.ask(codec.RESET_SAM, Deadline(1.0))
            self._placement.forget()
            status = self._module.ask(codec.SAM_STATUS, Deadline(1.0)) or status
        means = meaning(status.sw3)
        self._broken = means.error if status.sw3 != codec.OK and means.remedy is Remedy.SERVICE else ""
        self._next_status = time.monotonic() + STATUS_EVERY_S

    def _say(self, media: MediaState, error: str = "") -> None:
        self._media = media
        device = DeviceState.HARDWARE_ERROR if self._broken else DeviceState.ONLINE
        self._publish(DeviceStatus(device, media, error=self._broken or error))
