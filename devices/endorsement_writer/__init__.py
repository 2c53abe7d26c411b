"""A writer of endorsements into travel permits: chip and rewritable face, each with a numbered endorsement."""
