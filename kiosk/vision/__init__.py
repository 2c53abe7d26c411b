"""Faces and liveness, in a worker process of their own."""
