"""The project's load report: the cost of calls and events compared with the least possible cost on the same machine.

`python -m bench` measures; docs/measuring.md says how, and what the figures mean.
"""
