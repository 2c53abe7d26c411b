"""Receipt printer: ESC/POS over a serial line, TCP, USB or CUPS."""
