"""The page that a phone opens from the code on a machine's screen (C11): what the service needs, and how it stands.

A reference for a city's own app. The address is good once and for minutes, and whoever follows it must touch a button
first: what looks at addresses by itself, as messengers do, uses none up. What was said is shown masked.
"""

from __future__ import annotations

from html import escape
from math import ceil
from urllib.parse import parse_qs

from litestar import MediaType, Request, Response, get, post

from hub import tries
from hub.api.certificates import HEADERS, STYLE
from hub.connections import origin_of
from hub.context import Hub
from hub.handover import Opened, opened
from kiosk.catalogue.guide import guide
from kiosk.catalogue.model import Service
from kiosk.messages.handover import Said
from kiosk.text import Text, same, text

_LONGEST = 64
_BODY_BYTES = 256
_TOLD = ("materials", "fee", "limit", "pauses", "result", "phone")
_UNCLEAR = 4
"""Of so few characters none is shown."""


@get("/phone", media_type=MediaType.HTML, include_in_schema=False)
async def phone_page(link: str = "") -> Response[str]:
    """A button, whatever the address: nothing is looked up and nothing used."""
    field = f'<input type="hidden" name="link" value="{escape(link[:_LONGEST], quote=True)}">'
    button = f'<form method="post" action="/phone">{field}<button>{_both(text("phone.open"))}</button></form>'
    return _response(_paragraph(text("phone.lead")) + button)


@post("/phone", media_type=MediaType.HTML, status_code=200, request_max_body_size=_BODY_BYTES, include_in_schema=False)
async def open_once(request: Request, hub: Hub) -> Response[str]:
    """What the address is for, once."""
    link = _link_in(await request.body())
    host = request.client.host if request.client else ""
    async with hub.pool.connection() as conn:
        this, wait_s = await tries.begin(hub, conn, f"phone {origin_of(host)}", "", with_code=False)
        if wait_s:
            return _response(_paragraph(text("certificate.page_wait", minutes=ceil(wait_s / 60))))
        found = await opened(hub, conn, link)
        service = hub.catalogue.services.get(found.service) if found else None
        if found is None or service is None:
            return _response(_paragraph(text("phone.over")))
        await tries.forget(conn, this)
    return _response(f"<h2>{_both(service.name)}</h2>{_paragraph(_state_words(found))}{_table(service, found)}")


def _link_in(body: bytes) -> str:
    try:
        fields = parse_qs(body.decode("ascii", "replace"), max_num_fields=4)
    except ValueError:
        return ""
    return fields.get("link", [""])[0][:_LONGEST]


def _state_words(found: Opened) -> Text:
    if found.said is not None:
        return text("phone.left")
    return text("phone.waits" if found.waits else "phone.not_begun")


def _table(service: Service, found: Opened) -> str:
    """What was said, masked, and what everybody may know of the service."""
    rows = [*map(_shown, found.said or ())]
    rows += [(row.label, row.lines) for row in guide(service) if row.key in _TOLD]
    told = "".join(f"<dt>{_both(label)}</dt>" + "".join(map(_line, lines)) for label, lines in rows)
    return f"<dl>{told}</dl>"


def _line(words: Text) -> str:
    return (
        f"<dd>{escape(words.zh)}<br>{escape(words.en)}</dd>" if words.zh != words.en else f"<dd>{escape(words.zh)}</dd>"
    )


def _shown(said: Said) -> tuple[Text, tuple[Text, ...]]:
    zh = said.label.get("zh", "")
    label = Text(zh, said.label.get("en", zh)) if zh else text("phone.said")
    return label, (text("phone.chosen") if said.is_chosen else same(masked(said.value)),)


def masked(value: str) -> str:
    """The last character at most, of anything that was said."""
    return "•••" if len(value) <= _UNCLEAR else f"•••{value[-1]}"


def _response(said: str) -> Response[str]:
    title = _both(text("phone.title"))
    page = (
        f'<!doctype html><html lang="zh"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{STYLE}</style><h1>{title}</h1>{said}</html>"
    )
    return Response(page, media_type=MediaType.HTML, headers=HEADERS)


def _paragraph(words: Text) -> str:
    return f"<p>{escape(words.zh)}<br>{escape(words.en)}</p>"


def _both(words: Text) -> str:
    return f"{escape(words.zh)} {escape(words.en)}"
