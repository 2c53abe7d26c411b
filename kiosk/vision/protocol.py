"""What the machine and its vision worker say to each other: msgpack messages with a four-byte length before each."""

from __future__ import annotations

import secrets
import struct
from typing import Literal

import msgspec

DocumentWord = Literal[
    "no_paper",
    "one_page",
    "covered",
    "not_whole",
    "too_small",
    "wrong_shape",
    "too_dark",
    "glare",
    "blank",
    "blurry",
    "hold_still",
    "good",
]
"""What stands most in the way of the picture of a paper now."""
Side = Literal["left", "right"]
Instruction = Literal[
    "look_straight",
    "come_closer",
    "one_person_only",
    "turn_left",
    "turn_right",
    "back_to_centre",
    "hold_still",
]
PhotoWord = Literal[
    "no_face",
    "several_faces",
    "come_closer",
    "step_back",
    "to_the_middle",
    "look_straight",
    "head_level",
    "chin_up",
    "chin_down",
    "too_bright",
    "too_dark",
    "uneven",
    "background",
    "eyes_open",
    "mouth_closed",
    "glare",
    "hold_still",
    "good",
]
"""What stands most in the way of a certificate photograph now."""
LooksAt = Literal["people", "papers"]
Decision = Literal["pass", "ask", "fail", "unavailable"]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom as shares (0..1) of the preview as it is shown."""

ENDINGS = {3: "camera_read_hangs", 4: "not_forgotten", 5: "out_of_memory", 6: "thread_failed"}
"""Why the worker ended itself, by its exit code."""

LENGTH = struct.Struct("<I")


class Message(msgspec.Struct, frozen=True, tag=True):
    """Base of all messages."""


class Thresholds(msgspec.Struct, frozen=True):
    """Euclidean distances of dlib embeddings; defaults after the ID-photo experiment (reference vision §3)."""

    pass_distance: float = 0.50
    fail_distance: float = 0.60


class Challenge(msgspec.Struct, frozen=True):
    """Which way to turn the head: the person's own left or right; ``pace`` stretches the time for it."""

    side: Side
    pace: float = 1.0


def new_challenge(pace: float = 1.0) -> Challenge:
    """A side that nobody can foresee."""
    return Challenge(secrets.choice(("left", "right")), pace)


class FaceProgress(msgspec.Struct, frozen=True):
    """What the person should do now, how far the check has come (0..1), where the face is, whole seconds left."""

    instruction: Instruction
    progress: float = 0.0
    box: Box | None = None
    left_s: int | None = None


class FaceResult(msgspec.Struct, frozen=True):
    """How a check ended. ``reason`` is a stable code, "" on pass.

    ask, fail: poor_photo, no_face, several_faces, too_slow, wrong_side, not_live, not_alike.
    unavailable: camera_lost, model_missing, worker_lost, canceled, internal.
    """

    decision: Decision
    distance: float | None = None
    reason: str = ""
    engine: str = ""
    frames_used: int = 0


class Configure(Message, frozen=True):
    """First message to the worker: camera settings as a table, thresholds, and what it looks at."""

    camera: dict[str, int | float | str | bool]
    thresholds: Thresholds
    looks_at: LooksAt = "people"


class Preview(Message, frozen=True):
    """Run the camera for the screen, or stop."""

    on: bool


class Verify(Message, frozen=True):
    """Compare the person before the camera with an ID photo."""

    id: int
    photo: bytes
    challenge: Challenge
    timeout_s: float


class TakePhoto(Message, frozen=True):
    """One picture of the person before the camera, cut by each of these profiles of ``photo_profiles.toml``."""

    id: int
    profiles: tuple[str, ...]
    timeout_s: float


class TakePage(Message, frozen=True):
    """A page of the paper under the camera, by a profile of ``document_profiles.toml``; ``reads``: its words too."""

    id: int
    profile: str
    timeout_s: float
    reads: bool = False


class Cancel(Message, frozen=True):
    """Nobody waits for this check any more."""

    id: int


class Snapshot(Message, frozen=True):
    """One picture as JPEG, with face boxes drawn when asked."""

    id: int
    boxes: bool


class Forget(Message, frozen=True):
    """Overwrite everything that the visit left."""

    id: int


class Ready(Message, frozen=True):
    """The worker runs. ``missing`` names a model file that is not there ("" when complete).

    ``overwrites``: whether memory that it frees is overwritten, as measured. ``is_closed``: no other process of the
    same user may read it.
    """

    missing: str
    overwrites: bool
    is_closed: bool


class CameraChanged(Message, frozen=True):
    """A new status of the camera."""

    device: str
    error: str
    detail: str


class Progressed(Message, frozen=True):
    """About a running check."""

    id: int
    progress: FaceProgress


class PhotoProgressed(Message, frozen=True):
    """About a photograph or page that is being taken: what is wrong most, and how far it has come (0..1)."""

    id: int
    word: Literal[PhotoWord, DocumentWord]
    progress: float


class Answered(Message, frozen=True):
    """The end of a request: a result, a picture or several, or nothing but done."""

    id: int
    result: FaceResult | None = None
    picture: bytes | None = None
    lines: list[str] = []
    photographs: tuple[bytes, ...] = ()


ToWorker = Configure | Preview | Verify | TakePhoto | TakePage | Cancel | Snapshot | Forget
ToClient = Ready | CameraChanged | Progressed | PhotoProgressed | Answered

to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
to_client: msgspec.msgpack.Decoder[ToClient] = msgspec.msgpack.Decoder(ToClient)


def framed(message: Message) -> bytearray:
    """The bytes of one message on the wire."""
    out = bytearray(LENGTH.size)
    msgspec.msgpack.Encoder().encode_into(message, out, LENGTH.size)
    LENGTH.pack_into(out, 0, len(out) - LENGTH.size)
    return out
