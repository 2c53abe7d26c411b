"""The simulated writer of permit cards."""
