"""What the hub asks of other servers: an answer is taken as it was sent, within limits of size and time (CONTRACTS §9).

Whoever answers has proved nothing yet: nothing is unpacked, no redirection is followed, and no answer lasts.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import httpx

from kiosk.messages.authorities import trusting
from kiosk.messages.short_heads import with_short_heads

_AS_IT_IS = ("", "identity")


class NoAnswer(Exception):
    """Nothing came that could be judged; the text is what happened, without a word of the other side."""


class Answer(NamedTuple):
    """What came: ``headers`` have no case."""

    status: int
    headers: httpx.Headers
    body: bytes


def client(url: str, headers: dict[str, str] | None = None, *, is_beside: bool = False) -> httpx.AsyncClient:
    """A client for one server. ``is_beside``: a proxy of the environment is not for it; ``ask`` sets the limits."""
    told = {"Accept-Encoding": "identity", **(headers or {})}
    no_limit = httpx.Timeout(None)
    there = httpx.AsyncClient(
        base_url=url,
        headers=told,
        timeout=no_limit,
        follow_redirects=False,
        trust_env=not is_beside,
        verify=trusting(),
    )
    return with_short_heads(there)


async def ask(
    there: httpx.AsyncClient, method: str, path: str, *, most_bytes: int, within_s: float, **more: Any
) -> Answer:
    """One exchange, whole within ``within_s``. Raises NoAnswer."""
    try:
        async with asyncio.timeout(within_s), there.stream(method, path, **more) as answer:
            if answer.headers.get("content-encoding", "").strip().lower() not in _AS_IT_IS:
                raise NoAnswer("packed")
            body = bytearray()
            async for chunk in answer.aiter_raw():
                # Thousands of chunks of a byte are one reading of the network: the hub's machines come in between.
                await asyncio.sleep(0)
                body += chunk
                if len(body) > most_bytes:
                    raise NoAnswer(f"more than {most_bytes} bytes")
            return Answer(answer.status_code, answer.headers, bytes(body))
    except TimeoutError as error:
        raise NoAnswer(f"not within {within_s} s") from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise NoAnswer(type(error).__name__) from error
