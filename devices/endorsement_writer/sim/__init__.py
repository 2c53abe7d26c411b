"""The simulated endorsement writer."""
