"""Why a process does not start: something is wrong that only a person can put right."""

from __future__ import annotations

from collections.abc import Sequence

EXIT_REFUSED = 2
"""The exit code of a process that was started the wrong way; starting it again would end the same."""


class StartRefused(Exception):
    """The process cannot start as it is set up; the message says what to change, and the process exits with 2."""


class SettingsInvalid(StartRefused):
    """The environment does not make valid settings; `problems` names every fault, one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class PortUnavailable(StartRefused):
    """The process cannot listen there; the message names the port and the setting that moves it."""
