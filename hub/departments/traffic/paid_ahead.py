"""What leaves without a counter in between, made at the machine or posted, is paid before."""

from __future__ import annotations

from hub.department import Application, Unfit

MEANWHILE = "meanwhile"
"""How plates are collected by who drives with a temporary one until they are made."""
_WAYS = ("at_once", "post", MEANWHILE)


def require_paid(application: Application) -> None:
    """The counter takes the money itself. Raises Unfit."""
    if application.answers.get("delivery") in _WAYS and application.paid_fen < application.fee_fen:
        raise Unfit("unpaid")
