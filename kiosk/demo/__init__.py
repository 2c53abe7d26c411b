"""The demo: hub, emulated hardware and the machine together, with a bench in the browser."""
