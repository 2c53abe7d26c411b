from tests.hub.fixtures import cluster, database, hub

__all__ = ["cluster", "database", "hub"]
