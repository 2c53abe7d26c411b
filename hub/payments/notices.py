"""Where the acquirer reports payments to: believed only with its signature, and then only for what the hub ordered."""

from __future__ import annotations

from math import inf

import structlog
from litestar import Request, Response, post

from hub.api.problems import Problem
from hub.context import Hub
from hub.payments.acquirer import BadNotice
from hub.payments.desk import take_word
from hub.payments.http_acquirer import NOTICES

NOTICE_BYTES = 16 * 1024
_TOLD_EVERY_S = 60.0
_log = structlog.get_logger()


class Refused:
    """What nobody has signed is told once a minute, however often it comes: anybody may knock here."""

    def __init__(self) -> None:
        self._count = 0
        self._told_at_s = -inf

    def tell(self, why: str, now_s: float) -> None:
        """One more."""
        self._count += 1
        if now_s - self._told_at_s >= _TOLD_EVERY_S:
            _log.error("notice_refused", why=why, count=self._count)
            self._count, self._told_at_s = 0, now_s


_refused = Refused()


@post(NOTICES, status_code=200, request_max_body_size=NOTICE_BYTES, include_in_schema=False)
async def notified(request: Request, hub: Hub) -> Response[bytes]:
    """Takes a notification; the same one again is answered alike, so that the acquirer stops to repeat it."""
    if hub.acquirer is None:
        raise Problem(404, "request", "Not Found")
    try:
        said = hub.acquirer.read_notice(NOTICES, request.headers, await request.body(), hub.clock.now())
    except BadNotice as error:
        _refused.tell(str(error), hub.clock.monotonic())
        raise Problem(401, "signature", "not signed by the acquirer") from error
    outcome = await take_word(hub, said)
    if outcome not in ("paid", "again", ""):
        _log.error("notice_troubles", order=said.order, what=outcome)
    return Response(b"{}", media_type="application/json")
