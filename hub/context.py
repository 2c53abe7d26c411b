"""What every request and every job of one hub process shares: what it remembers is asked of the database again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from procrastinate import App
from psycopg_pool import AsyncConnectionPool

from hub.gateway import Gateway
from hub.keys import HubKeys
from hub.machine_keys import KnownKeys
from hub.payments.acquirer import Acquirer
from hub.published import InForce
from hub.seals import Seal
from hub.sms import SmsPort
from kiosk.catalogue.model import Catalogue
from kiosk.clock import Clock, to_rfc3339


@dataclass(frozen=True, slots=True)
class Hub:
    """Built once by ``hub.server``."""

    pool: AsyncConnectionPool
    keys: HubKeys
    clock: Clock
    in_force: InForce
    gateway: Gateway
    jobs: App
    machines: KnownKeys = field(default_factory=KnownKeys)
    names: Sequence[str] = ()
    """The hosts (``host[:port]``) by which machines know this hub; none: whatever ``Host`` a request names."""

    acquirer: Acquirer | None = None
    """Who takes the money; without one nothing is paid here."""
    sms: SmsPort | None = None
    """Who sends text messages; without one no number is proved here."""
    seals: dict[str, Seal] = field(default_factory=dict)
    """Those that were loaded, by department and the key that vouches for them (``hub.certificates``)."""

    @property
    def catalogue(self) -> Catalogue:
        """What it judges by now; it may be another one the next time."""
        return self.in_force.now.catalogue

    def stamp(self) -> str:
        """Now, as RFC 3339 in UTC."""
        return to_rfc3339(self.clock.now())
