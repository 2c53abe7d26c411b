"""Slip layouts: what the paper says."""
