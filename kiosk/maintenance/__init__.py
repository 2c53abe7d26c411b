"""The technician at the machine: the same engine in another role."""
