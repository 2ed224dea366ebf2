"""Errors that keep a process from starting until a person has corrected something."""

from __future__ import annotations

from collections.abc import Sequence

EXIT_REFUSED = 2
"""Exit code of a process that is set up wrongly; starting it again would fail the same way."""


class StartRefused(Exception):
    """The process cannot start with this setup; the message says what to change, and the process exits with 2."""


class SettingsInvalid(StartRefused):
    """The environment does not contain valid settings; `problems` names every fault, one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class PortUnavailable(StartRefused):
    """The process cannot listen there; the message names the port and the setting that moves it."""
