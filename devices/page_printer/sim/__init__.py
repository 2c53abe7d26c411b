"""The simulated A4 printer."""
