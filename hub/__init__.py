"""The city side: inbox, department systems, live questions."""
