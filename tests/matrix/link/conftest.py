from tests.hub.fixtures import cluster, database, hub, machine

__all__ = ["cluster", "database", "hub", "machine"]
