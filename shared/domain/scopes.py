"""Scopes: the sets of goals that statistics and leaderboards of points count."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class ScopeKind(StrEnum):
    """The kind of a scope. Values are stored in the database."""

    ALL = "all"
    CHALLENGE = "challenge"
    TAG = "tag"


class Scope(NamedTuple):
    """A set of goals that count for a statistic."""

    kind: ScopeKind
    id: str
    """The challenge id or the tag; empty exactly for `ALL`."""


EVERYTHING = Scope(ScopeKind.ALL, "")


def scopes_of(challenge_id: str | None, tags: Iterable[str]) -> tuple[Scope, ...]:
    """Return the scopes a goal counts in. `challenge_id` is None if the challenge is no longer known."""
    challenge = (Scope(ScopeKind.CHALLENGE, challenge_id),) if challenge_id is not None else ()
    return (EVERYTHING, *challenge, *(Scope(ScopeKind.TAG, tag) for tag in tags))
