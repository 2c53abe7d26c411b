"""The machine's catalogue: as the city has signed it, and none older than this machine has had."""

from __future__ import annotations

from pathlib import Path

from kiosk.catalogue.check import load_clean
from kiosk.catalogue.loader import shipped
from kiosk.catalogue.model import Catalogue
from kiosk.catalogue.signing import require_signed
from kiosk.config import Config
from kiosk.hub_link.known_keys import present_keys
from offline_cache.values import Values


def read_catalogue(config: Config, values: Values) -> Catalogue:
    """That of the folder in [catalogue] path, else the one that is shipped. Raises CatalogueError, StoreError."""
    path, hub = config.catalogue.path, config.hub
    if not path:
        return load_clean(shipped())
    newest = (values.get("catalogue", "version") or b"").decode()
    known = present_keys(values, hub.suite, seal_key=hub.seal_key, verify_key=hub.verify_key)
    catalogue = require_signed(Path(path), known.trusted, hub.suite, newest=newest)
    if catalogue.version != newest:
        values.put("catalogue", "version", catalogue.version.encode())
    return catalogue
