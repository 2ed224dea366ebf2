"""A scripted player against running services: `python -m demo`."""
