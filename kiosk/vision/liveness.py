"""The head-turn challenge as a table of phases: what each picture means, without cameras or nets.

A flat print or screen that is turned before the camera gives the mesh hardly any yaw (-1..+5 degrees measured), so
reaching 15 degrees to a side asked at random, and coming back, is shown by a head only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from kiosk.vision.patience import LookedAt
from kiosk.vision.protocol import Challenge, Instruction

MIN_BOX_SHARE = 0.20
"""Face box over picture width below which the person is asked to come closer."""
FRONTAL_DEG = 8.0
TURNED_DEG = 15.0
CENTRED_DEG = 5.0
TURN_LIMIT_S = 6.0
BACK_LIMIT_S = 6.0
MIN_OVERLAP = 0.3
"""Box overlap from one picture to the next below which it may be another person."""
GONE_LIMIT_S = 0.7
FRONTAL_FRAMES = 3
TURNED_FRAMES = 2


class Phase(StrEnum):
    """Where the challenge stands."""

    FRONT = "front"
    TURN = "turn"
    BACK = "back"
    HOLD = "hold"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Sight:
    """What one picture shows. ``yaw_deg`` is None without exactly one face and its mesh."""

    at_s: float
    faces: int
    box_share: float = 0.0
    overlap: float = 1.0
    yaw_deg: float | None = None


class TurnChallenge:
    """Feed it sights; read ``phase``, ``instruction`` and ``progress``. ``restarts`` counts broken continuity."""

    def __init__(self, challenge: Challenge) -> None:
        self._sign = 1.0 if challenge.side == "left" else -1.0
        limits = {Phase.TURN: TURN_LIMIT_S, Phase.BACK: BACK_LIMIT_S}
        self._limits_s = {phase: limit_s * challenge.pace for phase, limit_s in limits.items()}
        self._ask: Instruction = "turn_left" if challenge.side == "left" else "turn_right"
        self.restarts = 0
        self.reason = ""
        self.left_s: int | None = None
        """Whole seconds that remain for what is asked now; None while it has no limit."""
        self._seen_at_s: float | None = None
        self._looked_at = LookedAt()
        self._begin()

    def _begin(self) -> None:
        self.phase = Phase.FRONT
        self.instruction: Instruction = "look_straight"
        self.progress = 0.0
        self._run = 0
        self._since_s = 0.0
        self._went_wrong = False

    def step(self, sight: Sight) -> Phase:
        """Take one picture into account; returns the phase after it."""
        looked_at_s = self._looked_at.until(sight.at_s)
        hindrance = self._hindrance(sight)
        if hindrance:
            self.instruction = hindrance
        elif sight.yaw_deg is not None and self.phase is not Phase.FAILED:
            {Phase.FRONT: self._front, Phase.TURN: self._turn, Phase.BACK: self._back, Phase.HOLD: self._hold}[
                self.phase
            ](looked_at_s, sight.yaw_deg)
        self._watch_time(looked_at_s)
        return self.phase

    def _hindrance(self, sight: Sight) -> Instruction | None:
        """Anything that interrupts the same single face starts the challenge over."""
        if sight.faces > 1:
            self._restart()
            return "one_person_only"
        if sight.faces == 0 or sight.yaw_deg is None:
            if self._seen_at_s is not None and sight.at_s - self._seen_at_s > GONE_LIMIT_S:
                self._restart()
            return "look_straight" if self.phase is Phase.FRONT else self.instruction
        if sight.overlap < MIN_OVERLAP and self._seen_at_s is not None:
            self._restart()
        self._seen_at_s = sight.at_s
        if sight.box_share < MIN_BOX_SHARE:
            self._restart()
            return "come_closer"
        return None

    def _restart(self) -> None:
        self._seen_at_s = None
        if self.phase not in (Phase.FRONT, Phase.FAILED):
            self.restarts += 1
            self._begin()
        self._run = 0

    def _enter(self, phase: Phase, looked_at_s: float, instruction: Instruction, progress: float) -> None:
        self.phase, self._since_s, self._run = phase, looked_at_s, 0
        self.instruction, self.progress = instruction, progress

    def _front(self, looked_at_s: float, yaw_deg: float) -> None:
        self.instruction = "look_straight"
        self._run = self._run + 1 if abs(yaw_deg) < FRONTAL_DEG else 0
        self.progress = 0.05 * min(self._run, FRONTAL_FRAMES)
        if self._run >= FRONTAL_FRAMES:
            self._enter(Phase.TURN, looked_at_s, self._ask, 0.2)

    def _turn(self, looked_at_s: float, yaw_deg: float) -> None:
        reached = yaw_deg * self._sign
        self.instruction = self._ask
        self.progress = 0.2 + 0.3 * max(0.0, min(1.0, reached / TURNED_DEG))
        self._went_wrong = self._went_wrong or reached <= -TURNED_DEG
        self._run = self._run + 1 if reached >= TURNED_DEG else 0
        if self._run >= TURNED_FRAMES:
            self._enter(Phase.BACK, looked_at_s, "back_to_centre", 0.55)

    def _back(self, looked_at_s: float, yaw_deg: float) -> None:
        self.instruction = "back_to_centre"
        if abs(yaw_deg) < CENTRED_DEG:
            self._enter(Phase.HOLD, looked_at_s, "hold_still", 0.75)

    def _hold(self, _looked_at_s: float, yaw_deg: float) -> None:
        self.instruction = "hold_still" if abs(yaw_deg) < FRONTAL_DEG else "look_straight"

    def _left_s(self, looked_at_s: float) -> float | None:
        limit_s = self._limits_s.get(self.phase)
        return None if limit_s is None else self._since_s + limit_s - looked_at_s

    def _watch_time(self, looked_at_s: float) -> None:
        left_s = self._left_s(looked_at_s)
        self.left_s = None if left_s is None else max(0, math.ceil(left_s))
        if left_s is not None and left_s < 0:
            not_turned = "wrong_side" if self._went_wrong else "not_live"
            self.reason = not_turned if self.phase is Phase.TURN else "too_slow"
            self.phase = Phase.FAILED
