"""Frames: what surrounds the blocks of a page. Each says where its content goes."""
