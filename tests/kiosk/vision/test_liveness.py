"""The head-turn challenge as pure data: what counts and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.vision.liveness import FRONTAL_FRAMES, TURNED_DEG, Phase, Sight, TurnChallenge
from kiosk.vision.protocol import Challenge


def play(side, yaws, *, step_s=0.1, turn=None, **sight):
    turn = turn or TurnChallenge(Challenge(side))
    begin = getattr(turn, "played_s", 0.0)
    for number, yaw in enumerate(yaws):
        turn.step(Sight(begin + number * step_s, 1, **{"box_share": 0.3, "yaw_deg": yaw, **sight}))
    turn.played_s = begin + len(yaws) * step_s
    return turn


FRONT = [0.0] * FRONTAL_FRAMES


@pytest.mark.parametrize(("side", "sign"), [("left", 1), ("right", -1)])
def test_turn_to_the_asked_side_and_back_is_enough(side, sign):
    turn = play(side, [*FRONT, sign * 10, sign * 16, sign * 20, sign * 9, sign * 3])
    assert (turn.phase, turn.instruction) == (Phase.HOLD, "hold_still")


def test_wrong_side_does_not_count_and_is_named():
    turn = play("left", [*FRONT, *[-20.0] * 5, 0, 0], step_s=0.1)
    assert turn.phase is Phase.TURN
    turn = play("left", [*FRONT, *[-20.0] * 70], step_s=0.1)
    assert (turn.phase, turn.reason) == (Phase.FAILED, "wrong_side")


def test_wrong_side_first_may_be_put_right_in_time():
    turn = play("left", [*FRONT, -20, -20, 0, 18, 18, 2])
    assert turn.phase is Phase.HOLD


def test_no_turn_within_six_seconds_fails():
    turn = play("right", [*FRONT, *[3.0] * 70])
    assert (turn.phase, turn.reason) == (Phase.FAILED, "not_live")


@pytest.mark.parametrize(("pace", "seconds"), [(1.0, 6.0), (3.0, 18.0)])
def test_the_time_for_a_turn_goes_by_the_person_s_pace_and_is_counted_down(pace, seconds):
    turn = TurnChallenge(Challenge("left", pace))
    play("left", FRONT, turn=turn)
    assert (turn.phase, turn.left_s) == (Phase.TURN, seconds)
    play("left", [3.0] * round((seconds - 1) * 10), turn=turn)
    assert (turn.phase, turn.left_s) == (Phase.TURN, 1)
    play("left", [3.0] * 20, turn=turn)
    assert turn.phase is Phase.FAILED


def test_what_a_busy_computer_takes_for_its_pictures_is_not_taken_from_the_person():
    slow = TurnChallenge(Challenge("left"))
    play("left", [*FRONT, 3.0, 3.0, 3.0], step_s=3.0, turn=slow)
    assert (slow.phase, slow.left_s) == (Phase.TURN, 5), "nine seconds by the clock, three pictures"
    play("left", [16.0, 20.0, 9.0, 3.0], step_s=3.0, turn=slow)
    assert slow.phase is Phase.HOLD
    still = play("left", [*FRONT, *[3.0] * 12], step_s=3.0)
    assert still.phase is Phase.TURN
    play("left", [3.0], step_s=3.0, turn=still)
    assert (still.phase, still.reason) == (Phase.FAILED, "not_live")


def test_only_what_is_asked_in_time_is_counted_down():
    turn = play("left", [0.0])
    assert turn.left_s is None
    turn = play("left", [*FRONT, 16.0, 20.0, 9.0, 3.0])
    assert (turn.phase, turn.left_s) == (Phase.HOLD, None)


def test_turn_without_coming_back_fails():
    turn = play("left", [*FRONT, *[20.0] * 80])
    assert (turn.phase, turn.reason) == (Phase.FAILED, "too_slow")


def test_one_turned_picture_alone_is_not_a_turn():
    assert play("left", [*FRONT, 16, 8, 16, 8]).phase is Phase.TURN


@pytest.mark.parametrize(
    ("sight", "instruction"),
    [
        ({"faces": 2}, "one_person_only"),
        ({"faces": 1, "box_share": 0.15, "yaw_deg": 0.0}, "come_closer"),
        ({"faces": 1, "box_share": 0.3, "yaw_deg": 0.0, "overlap": 0.1}, "look_straight"),
    ],
)
def test_what_breaks_the_single_face_starts_over(sight, instruction):
    turn = play("left", [*FRONT, 20, 20])
    assert turn.phase is Phase.BACK
    turn.step(Sight(turn.played_s, **sight))
    assert (turn.phase, turn.instruction, turn.restarts) == (Phase.FRONT, instruction, 1)


def test_face_that_is_away_for_a_moment_is_forgiven_and_longer_is_not():
    turn = play("left", [*FRONT, 20, 20])
    turn.step(Sight(turn.played_s + 0.3, 0))
    assert turn.phase is Phase.BACK
    turn.step(Sight(turn.played_s + 0.9, 0))
    assert turn.phase is Phase.FRONT


@given(
    side=st.sampled_from(["left", "right"]),
    sights=st.lists(st.tuples(st.integers(0, 2), st.floats(-40, 40), st.floats(0, 1)), max_size=60),
)
def test_nothing_holds_without_the_asked_turn(side, sights):
    turn, asked = TurnChallenge(Challenge(side)), 0
    for number, (faces, yaw, overlap) in enumerate(sights):
        before = turn.restarts
        phase = turn.step(Sight(number * 0.1, faces, 0.3, overlap, yaw if faces == 1 else None))
        asked = (
            0 if turn.restarts != before else asked + (faces == 1 and yaw * (1 if side == "left" else -1) >= TURNED_DEG)
        )
        if phase is Phase.HOLD:
            assert asked >= 2
