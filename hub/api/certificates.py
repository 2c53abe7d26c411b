"""The public page on which whoever receives a certificate asks whether it is real: number and code from the paper.

Anybody may open it: it tells nothing without the code of a paper, and an address that guesses waits.
"""

from __future__ import annotations

from html import escape
from math import ceil

from litestar import MediaType, Request, Response, get
from psycopg import AsyncConnection

from hub import tries
from hub.connections import origin_of
from hub.context import Hub
from kiosk.text import Text, text

_LONGEST = 64
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
STYLE = (
    "body{font:18px sans-serif;max-width:36em;margin:2em auto;padding:0 1em}input{font:inherit;width:100%;"
    "margin:.3em 0 1em}button{font:inherit;padding:.6em 2em}dt{color:#555}dd{margin:0 0 .8em;font-weight:bold}"
)


@get("/certificates", media_type=MediaType.HTML, include_in_schema=False)
async def verify_certificate(request: Request, hub: Hub, number: str = "", code: str = "") -> Response[str]:
    """A form; with number and code also what the hub knows of that paper."""
    said = ""
    if number and code:
        host = request.client.host if request.client else ""
        async with hub.pool.connection() as conn:
            said = await _verdict(hub, conn, origin_of(host), _as_on_paper(number), _as_on_paper(code))
    return Response(_page(said), media_type=MediaType.HTML, headers=HEADERS)


def _as_on_paper(value: str) -> str:
    """As it stands on the paper, however it was typed."""
    return "".join(c for c in value.upper() if c.isascii() and c.isalnum())[:_LONGEST]


async def _verdict(hub: Hub, conn: AsyncConnection, origin: str, number: str, code: str) -> str:
    # By address only: 31^12 codes are not found by trying, and no stranger's wrong ones shut somebody's paper. Apart
    # from what the same number is as a receipt number, whose slip nobody shuts from this page.
    this, wait_s = await tries.begin(hub, conn, f"page {origin}", f"certificate {number}", with_code=False)
    if wait_s:
        return _paragraph(text("certificate.page_wait", minutes=ceil(wait_s / 60)))
    rows = await conn.execute(
        "select service, masked_name, issued_on from certificate where number = %s and code_ref = %s",
        [number, hub.keys.slip_ref(number, code)],
    )
    row = await rows.fetchone()
    if row is None:
        return _paragraph(text("certificate.page_unknown"))
    await tries.forget(conn, this)
    service, name, issued_on = row
    known = hub.catalogue.services.get(service)
    kind = known.name if known else Text(service, service)
    rows_told = (
        (text("certificate.page_kind"), f"{kind.zh} · {kind.en}"),
        (text("certificate.number"), number),
        (text("certificate.name"), name),
        (text("certificate.issued_on"), issued_on.isoformat()),
    )
    table = "".join(f"<dt>{_both(label)}</dt><dd>{escape(value)}</dd>" for label, value in rows_told)
    return f"{_paragraph(text('certificate.page_real'))}<dl>{table}</dl>{_paragraph(text('certificate.page_compare'))}"


def _page(said: str) -> str:
    field = '<label>{label}<input name="{name}" maxlength="64" autocomplete="off" required></label>'
    fields = "".join(field.format(label=_both(text(f"certificate.{name}")), name=name) for name in ("number", "code"))
    title = _both(text("certificate.page_title"))
    return (
        f'<!doctype html><html lang="zh"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{STYLE}</style><h1>{title}</h1>{said}"
        f"{_paragraph(text('certificate.page_lead'))}"
        f"<form>{fields}<button>{_both(text('certificate.page_check'))}</button></form></html>"
    )


def _paragraph(words: Text) -> str:
    return f"<p>{escape(words.zh)}<br>{escape(words.en)}</p>"


def _both(words: Text) -> str:
    return f"{escape(words.zh)} {escape(words.en)}"
