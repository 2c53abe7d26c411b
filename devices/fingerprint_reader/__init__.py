"""A live fingerprint reader; the police's readers have a vendor's C library each and no public wire."""
