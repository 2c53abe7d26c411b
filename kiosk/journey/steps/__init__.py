"""One file for each step kind, named as a catalogue names it. What several kinds share stands one folder up."""
