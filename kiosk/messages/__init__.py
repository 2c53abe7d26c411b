"""What travels between kiosk and hub: envelopes, receipts, questions. The hub uses the same code."""
