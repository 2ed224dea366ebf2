"""Rules about pools: challenges with `select`, of whose goals each player has some in each period."""

from __future__ import annotations

from collections.abc import Iterator

from shared.catalogue.draft import CatalogueDraft
from shared.catalogue.problem import Problem
from shared.domain.catalogue import Catalogue

POOL_GOALS_MAX = 1_000
"""Maximum number of goals of a pool. A draw takes 1 µs for each, of every player in every period."""

_OF_POOLS = ("no_repeat", "rerolls")


def pools_have_a_schedule(draft: CatalogueDraft) -> Iterator[Problem]:
    for challenge in draft.challenges:
        if "select" in challenge.keys and "schedule" not in challenge.keys:
            yield challenge.place.at("select").problem("is only for a challenge with a schedule")


def pools_have_enough_goals_and_not_too_many(draft: CatalogueDraft) -> Iterator[Problem]:
    for challenge in draft.challenges:
        if challenge.select is None:
            continue
        if challenge.goals and challenge.select > challenge.goals:
            yield challenge.place.at("select").problem(f"must be at most {challenge.goals}, the number of goals")
        if challenge.goals > POOL_GOALS_MAX:
            yield challenge.place.at("goals").problem(f"can be at most {POOL_GOALS_MAX:,} in a challenge with select")


def only_pools_have_keys_of_pools(draft: CatalogueDraft) -> Iterator[Problem]:
    for challenge in draft.challenges:
        if "select" not in challenge.keys:
            for key in challenge.keys.intersection(_OF_POOLS):
                yield challenge.place.at(key).problem("is only for a challenge with select")
    for goal in draft.goals:
        if "from" in goal.content and not goal.in_pool:
            yield goal.place.at("from").problem("is only for a goal of a challenge with select")


def goals_of_pools_have_no_other_conditions(draft: CatalogueDraft) -> Iterator[Problem]:
    for goal in draft.goals:
        present = {
            "requires": bool(goal.requires),
            "default_assigned": goal.default_assigned,
            "hidden": goal.content.get("hidden") is True,
            "schedule": goal.own_schedule is not None,
        }
        for key in (key for key in present if goal.in_pool and present[key]):
            yield goal.place.at(key).problem("is not for a goal of a challenge with select")


POOL_RULES = (
    pools_have_a_schedule,
    pools_have_enough_goals_and_not_too_many,
    only_pools_have_keys_of_pools,
    goals_of_pools_have_no_other_conditions,
)


def small_pools(catalogue: Catalogue) -> Iterator[Problem]:
    """Yield a warning for each pool that is too small for the periods within which it should repeat nothing."""
    for challenge in catalogue.pool_challenges:
        pool = challenge.pool
        goals = sum(not goal.suspended for goal in challenge.goals)
        if pool is not None and goals < (needed := pool.select * (pool.no_repeat + 1)):
            periods = f"each of {pool.no_repeat + 1} periods" if pool.no_repeat else "a period"
            yield Problem(
                f"challenge {challenge.id!a}",
                f"has {goals} goals to draw from, but {pool.select} in {periods} without repeats take at least "
                f"{needed}: goals will {'repeat' if pool.no_repeat else 'be missing'}",
            )
