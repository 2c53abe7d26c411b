"""A board of electric locks: the lockers that documents are handed out from."""
