"""A reader of machine-readable zones: passports, permits, cards (ICAO 9303)."""
