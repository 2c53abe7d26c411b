"""A dispenser and collector of cards: gives out from a stacker, reads, keeps."""
