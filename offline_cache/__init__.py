"""What must survive: outbox, intent journal, counters, audit chain, in one SQLite file."""
