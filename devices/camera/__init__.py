"""Camera: driver, words for its troubles, and a simulated one with synthetic people."""
