"""Draws a Page with Kivy. No rules, no I/O, no decisions."""
