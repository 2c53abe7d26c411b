"""Terminals of other alphabets: a command says what it has to say on each of them."""

from __future__ import annotations

import io
import sys


def escape_what_it_cannot_show() -> None:
    """Characters that standard output has not, in a locale as ``en_US.ISO-8859-1``, are escaped from now on.

    Standard error does so by itself.
    """
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.encoding.lower() != "utf-8":
        sys.stdout.reconfigure(errors="backslashreplace")
