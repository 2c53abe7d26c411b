"""The command ``kiosk``, also as ``python -m kiosk``."""

from __future__ import annotations

import faulthandler
import sys

from kiosk import hardening

_KNOWS_PERSONS = {"run", "walk"}


def main() -> None:
    """What will know persons starts in hardened memory, before anything large is loaded: it would be loaded twice.

    No command may be looked into: each may hold a PIN, a code or the machine's key.
    """
    hardening.no_core_dumps()
    if sys.stderr is not None:
        # There are no core dumps that could tell where native code crashed; who serves persons moves it (nothing_raw).
        faulthandler.enable(sys.stderr)
    if _KNOWS_PERSONS & set(sys.argv[1:]):
        hardening.restart_hardened(sys.argv[1:])
        from kiosk import logs

        logs.nothing_raw()
    from kiosk.cli import main as command

    command()


if __name__ == "__main__":
    main()
