from tests.hub.fixtures import cluster, database, hub, machine
from tests.hub.strangers import serving

__all__ = ["cluster", "database", "hub", "machine", "serving"]
