"""The simulated printer: ESC/POS on a pty or a TCP port, slips as pictures."""
