"""The project's load report: what calls and events cost, beside the least that they could cost on the same machine.

`python -m bench` measures; docs/measuring.md says how, and what the figures mean.
"""
