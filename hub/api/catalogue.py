"""The catalogue that machines fetch, signed by the hub."""

from __future__ import annotations

import hashlib
from functools import cache

from litestar import Request, Response, get

from hub.api.caller import Caller
from hub.context import Hub
from kiosk.catalogue.loader import digests_of, read_folder, shipped
from kiosk.messages.encoding import canonical_json
from kiosk.messages.seal import sign


@get("/v1/catalogue")
async def catalogue(request: Request, caller: Caller, hub: Hub) -> Response[bytes]:
    """Returns the catalogue with a manifest that the hub signed over ``{version, files}`` as canonical JSON."""
    signer = hub.keys.sign_private(caller.suite, caller.stamp.hub_key)
    content, tag = _catalogue(hub.catalogue.version, signer, caller.suite)
    if request.headers.get("if-none-match") == tag:
        return Response(b"", status_code=304, headers={"ETag": tag})
    return Response(content, media_type="application/json", headers={"ETag": tag})


@cache
def _catalogue(version: str, sign_private: str, suite: str) -> tuple[bytes, str]:
    files = read_folder(shipped())
    manifest = {"version": version, "files": digests_of(files)}
    signed = {**manifest, "signature": sign(canonical_json(manifest), sign_private, suite)}
    texts = {name: raw.decode() for name, raw in files.items()}
    content = canonical_json({"manifest": signed, "files": texts})
    return content, f'"{hashlib.sha256(content).hexdigest()}"'
