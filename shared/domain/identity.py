"""What a goal is, whatever else is said about it: what may never change under its id."""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.catalogue import Goal
from shared.domain.periods import Schedule


class GoalIdentity(NamedTuple):
    """What a goal's progress is made of. Under another one, stored completions would speak of another goal.

    All fields are as the database stores them, so that a record which another version of this code has written can be
    compared as well.
    """

    source: str
    stat_code: str
    """Empty exactly when the source is `login`."""
    counting: str
    schedule: str


def identity_of(goal: Goal) -> GoalIdentity:
    """The identity of a goal as a catalogue defines it."""
    return GoalIdentity(goal.stat.source.value, goal.stat.code, goal.counting.value, Schedule.LIFETIME.value)
