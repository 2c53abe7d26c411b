"""The simulated card reader: a SAM_V module on a pty."""
