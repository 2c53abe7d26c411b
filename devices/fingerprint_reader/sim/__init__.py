"""The simulated fingerprint reader."""
