"""Several services as one plan: who reads a catalogue knows it, nobody else is needed."""
