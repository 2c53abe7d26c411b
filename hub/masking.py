"""What a public screen may show of a person or a document."""

from __future__ import annotations


def masked_name(name: str) -> str:
    """First and last character, stars between: 赵*福; of two characters only the first."""
    if len(name) < 3:
        return name[:1] + "*"
    return name[0] + "*" * (len(name) - 2) + name[-1]


def masked_number(number: str) -> str:
    """The first two and the last three characters of a document number."""
    return number[:2] + "*" * max(0, len(number) - 5) + number[-3:]
