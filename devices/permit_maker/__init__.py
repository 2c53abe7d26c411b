"""Makes permit cards: a dispenser moves the blank card, a writer behind a vendor's bridge writes it."""
