"""The code of what is half done: read aloud, typed, and never mistaken for another one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kiosk.messages.resume_code import ALPHABET, grouped_code, is_resume_code, new_resume_code, typed_code


def test_no_two_signs_look_alike() -> None:
    assert len(set(ALPHABET)) == 31
    assert not set("01OIL") & set(ALPHABET)


@given(st.builds(new_resume_code), st.integers(0, 7), st.sampled_from(ALPHABET), st.integers(0, 6))
def test_a_mistyped_sign_and_two_that_changed_places_are_found(code: str, at: int, sign: str, swap: int) -> None:
    assert is_resume_code(code)
    assert is_resume_code(typed_code(grouped_code(code).lower()))
    assert is_resume_code(code[:at] + sign + code[at + 1 :]) == (sign == code[at])
    changed = code[:swap] + code[swap + 1] + code[swap] + code[swap + 2 :]
    assert is_resume_code(changed) == (changed == code)
    assert not is_resume_code(code[:7])
    assert not is_resume_code(code + "A")
