"""Attacks on the availability of running services, and what an ordinary caller notices of them: `python -m attack`."""
