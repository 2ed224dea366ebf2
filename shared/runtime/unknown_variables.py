"""Environment variables that look like settings of a process and are none: they are misspelt, or of another version."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shared.runtime.settings import variables

PREFIXES = ("CHALLENGE_", "DATABASE_", "DISPATCHER_", "EVENT_", "REDIS_", "REWARD_")
CUTOFF = 0.7
"""Likeness of two names after their prefix, from 0 to 1, at which one is probably meant to be the other."""

# What Kubernetes sets for the Services of a namespace.
_SERVICE_LINK = re.compile(r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)")


@dataclass(frozen=True)
class UnknownVariable:
    """A variable that no setting is read from, and the name that was probably meant, if there is one."""

    name: str
    meant: str | None

    def __str__(self) -> str:
        question = f": {self.meant}?" if self.meant else ""
        return f"{self.name} is not a setting{question}"


def unknown_variables(cls: type, environ: Mapping[str, str]) -> Iterator[UnknownVariable]:
    """Yield the variables that have a prefix of this process's settings and are none of them."""
    known = [variable.name for variable in variables(cls)]
    prefixes = tuple(prefix for prefix in PREFIXES if any(name.startswith(prefix) for name in known))
    for name in sorted(environ):
        if name.startswith(prefixes) and name not in known and not _SERVICE_LINK.fullmatch(name):
            prefix = next(prefix for prefix in prefixes if name.startswith(prefix))
            rests = [each.removeprefix(prefix) for each in known if each.startswith(prefix)]
            likely = difflib.get_close_matches(name.removeprefix(prefix), rests, 1, CUTOFF)
            yield UnknownVariable(name, prefix + likely[0] if likely else None)
