"""A limit that counts pictures, not what a busy computer takes for them."""

from __future__ import annotations

import pytest

from kiosk.vision.patience import AT_MOST, PICTURE_S, Patience


def ends_after(limit_s: float, step_s: float) -> float:
    now_s, patience = 100.0, Patience(limit_s, 100.0)
    while not patience.is_over(now_s):
        now_s += step_s
    return now_s - 100.0


@pytest.mark.parametrize("step_s", [0.125, 0.25, PICTURE_S])
def test_a_computer_that_keeps_up_gives_the_limit(step_s: float) -> None:
    assert ends_after(40.0, step_s) == 40.0


def test_a_slow_one_gives_as_many_pictures_and_a_hopeless_one_ends() -> None:
    assert ends_after(40.0, 2 * PICTURE_S) == 80.0
    assert ends_after(40.0, 8.0) == AT_MOST * 40.0
