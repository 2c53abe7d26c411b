"""Terminals of other alphabets: a command says what it has to say on each of them, and takes from them what is text."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Mapping, Sequence


def take_any_terminal() -> None:
    """Characters that standard output has not, in a locale as ``en_US.ISO-8859-1``, are escaped from now on.

    So are the bytes of a file's name that are none. Standard error does so by itself. What comes by standard input and
    is no text has U+FFFD for it, which nobody who reads a code or a number takes.
    """
    if isinstance(sys.stdin, io.TextIOWrapper):
        # Who has read from it before it called us keeps what it reads with.
        with contextlib.suppress(io.UnsupportedOperation):
            sys.stdin.reconfigure(errors="replace")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def what_is_no_text(words: Sequence[str], environment: Mapping[str, str]) -> str:
    """Why these words behind a command, or our part of its environment, cannot be meant; "" when all are text.

    A file may be called by bytes that are no text, old computers do that: what names one that is there is let by.
    """
    said = [(f"argument {number}", word) for number, word in enumerate(words, 1)]
    said += [(name, value) for name, value in environment.items() if name.startswith("TONGBAN_")]
    # Not shown: it may be a code or a password.
    wrong = [where for where, word in said if not (_is_text(word) or os.path.lexists(word))]
    return f"{wrong[0]} is no text (its bytes are not UTF-8); write it anew in a terminal of UTF-8" if wrong else ""


def _is_text(word: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in word)
