"""The simulated licence printer."""
