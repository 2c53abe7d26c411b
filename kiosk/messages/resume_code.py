"""The code of a service that is half done: eight characters that are easy to read aloud and hard to mistake.

31 characters, none of which looks like another one (no 0, O, 1, I, L): with a prime number of them the last character
finds every single mistake and every two that changed places.
"""

from __future__ import annotations

import secrets

from kiosk.messages.typed import digits

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
RESUME_CODE_LENGTH = 8
"""Seven by chance and the check character: one in 27,000 million, at the pace of ``hub.tries``."""
_GROUP = 4


def new_resume_code() -> str:
    """A fresh one, without the hyphen between its groups."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(RESUME_CODE_LENGTH - 1))
    return body + ALPHABET[-_weight(body) % len(ALPHABET)]


def _weight(body: str) -> int:
    """The characters before the last, the first counted most; the last itself counts once."""
    return sum(place * ALPHABET.index(sign) for place, sign in enumerate(reversed(body), 2))


def is_resume_code(code: str) -> bool:
    """Whether length, characters and check character are right: a typing mistake is no try."""
    if len(code) != RESUME_CODE_LENGTH or not set(code) <= set(ALPHABET):
        return False
    return ALPHABET[-_weight(code[:-1]) % len(ALPHABET)] == code[-1]


def typed_code(text: str) -> str:
    """What was typed or scanned as a code has it: capitals, no blanks, no hyphens."""
    return digits(text).upper()


def grouped_code(code: str) -> str:
    """As it is shown and printed: two groups."""
    return f"{code[:_GROUP]}-{code[_GROUP:]}"
