"""The HTTP API (CONTRACTS §6): thin routes over the inbox, the parcels and the answers."""
