"""The simulated camera: synthetic people as MJPEG."""
