"""The simulated reader of travel documents."""
