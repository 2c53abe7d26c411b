"""The simulated lock board."""
