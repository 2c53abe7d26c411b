"""The simulated card dispenser."""
