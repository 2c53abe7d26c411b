"""The journey engine, the step kinds (``steps/``), and what several of them share."""
