"""The tables of the report: one module each, with a function that measures it."""
