"""A scripted player against running services, shown live in the terminal: `python -m demo`."""
