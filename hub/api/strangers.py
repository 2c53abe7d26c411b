"""Who asks, as far as an address tells, and what is nobody's business beyond this computer."""

from __future__ import annotations

from typing import NamedTuple

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import HTTPScope

from hub.api.problems import not_found
from kiosk.messages.address import is_loopback_host, one_form

MONITOR = "tongban.monitor"
"""Where the front says in a request's scope that whoever asks may read figures and schema."""


class Doors(NamedTuple):
    """``behind``: the fronts, whose word for an address counts · ``monitors``: who may read figures and schema."""

    behind: frozenset[str] = frozenset()
    monitors: frozenset[str] = frozenset()

    def client(self, scope: HTTPScope) -> tuple[str, int]:
        """Who asks. Behind a front it is the last of ``X-Forwarded-For``, which the front itself has written."""
        host, port = scope["client"] or ("", 0)
        host = one_form(host)
        if host not in self.behind:
            return host, port
        told = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        # Nobody, where the front says nothing: then it is certainly not this computer that asks.
        return (one_form(told[-1].rpartition(b",")[2].strip().decode("latin-1")) if told else ""), port

    def is_monitor(self, scope: HTTPScope) -> bool:
        """Whether this computer asks, or one that watches over it."""
        host = scope["client"][0] if scope["client"] else ""
        return is_loopback_host(host) or host in self.monitors


def monitors_only(connection: ASGIConnection, _: BaseRouteHandler) -> None:
    """A guard: to everybody else there is no such address. Raises Problem 404."""
    if not connection.scope.get(MONITOR):
        raise not_found()


NOBODY_ELSE = Doors()
