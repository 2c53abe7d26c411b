"""Money: orders at an acquirer, what each part of a payment has come to, refunds, and the day's reconciliation."""
