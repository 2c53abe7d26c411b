"""A printer for A4 pages behind IPP: a network printer, or a queue of CUPS."""
