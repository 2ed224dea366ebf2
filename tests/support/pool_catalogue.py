"""A catalogue with a pool of daily goals, each on a stat of its own."""

from __future__ import annotations

from typing import Any

from shared.domain.catalogue import Catalogue
from tests.catalogue.documents import Mapping, goal, loaded
from tests.support.sample_catalogue import assigned, challenge
from tests.support.services import Game

POOL = "daily-picks"
MEMBERS = [f"pick-{number}" for number in range(8)]
SELECT = 2


def member(goal_id: str, **differing: Any) -> Mapping:
    """Return a goal of the pool in document form; its stat has the same name, and its target is 3."""
    return goal(goal_id, stat=goal_id, count="sum", target=3, **differing)


def pool_document(*goals: Mapping, zone: str = "UTC", **differing: Any) -> Mapping:
    """Return a document with a pool of these goals, and with a goal that is active by default after it."""
    members = list(goals) or [member(goal_id) for goal_id in MEMBERS]
    keys = {"schedule": "daily", "select": SELECT, **differing}
    return {
        "schedules": [{"id": "daily", "every": "day", "zone": zone}],
        "challenges": [{**challenge(POOL, *members), **keys}, challenge("career", assigned("veteran", stat="level"))],
    }


def pool_catalogue(*goals: Mapping, **differing: Any) -> Catalogue:
    """Return the catalogue."""
    return loaded(pool_document(*goals, **differing))


def picks(game: Game, user_id: str = "player") -> list[str]:
    """Return the goals of the pool that a player sees."""
    return [goal_id for goal_id in game.goals(user_id) if goal_id.startswith("pick-")]
