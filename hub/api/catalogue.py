"""The catalogue that machines fetch, signed by the hub."""

from __future__ import annotations

import hashlib

import msgspec
from litestar import Request, Response, get

from hub.api.caller import Caller
from hub.context import Hub
from hub.published import Published
from kiosk.catalogue.signing import manifest_of
from kiosk.messages.encoding import canonical_json


@get("/v1/catalogue")
async def catalogue(request: Request, caller: Caller, hub: Hub) -> Response[bytes]:
    """Returns the catalogue with a manifest that the hub signed over ``{version, files}`` as canonical JSON."""
    signer = hub.keys.sign_private(caller.suite, caller.stamp.hub_key)
    content, tag = _signed(hub.in_force.now, signer, caller.suite)
    if request.headers.get("if-none-match") == tag:
        return Response(b"", status_code=304, headers={"ETag": tag})
    return Response(content, media_type="application/json", headers={"ETag": tag})


_MOST_KEPT = 8
_kept: dict[tuple[int, str, str], tuple[bytes, str]] = {}


def _signed(now: Published, sign_private: str, suite: str) -> tuple[bytes, str]:
    """The answer and its tag, made once for each catalogue and key."""
    key = (now.number, sign_private, suite)
    if key not in _kept:
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        manifest = manifest_of(now.catalogue.version, now.files, sign_private, suite, now.instead_of)
        texts = {name: raw.decode() for name, raw in now.files.items()}
        content = canonical_json({"manifest": msgspec.to_builtins(manifest), "files": texts})
        _kept[key] = content, f'"{hashlib.sha256(content).hexdigest()}"'
    return _kept[key]
