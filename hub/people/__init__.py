"""Synthetic people, as data: ``people.toml`` and their card photos."""
