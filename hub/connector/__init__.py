"""A department in a process of its own, asked over HTTP: what a real system would implement. See docs/connector.md."""
