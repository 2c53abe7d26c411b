"""The journey engine and one file per step kind."""
