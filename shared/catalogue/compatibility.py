"""Comparison of two catalogues: incompatibilities, and a summary of changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from shared.catalogue.problem import Problem
from shared.catalogue.season_changes import schedule_changes, season_changes, season_run_changes
from shared.catalogue.traits import challenge_traits, goal_traits, identity_traits
from shared.domain.catalogue import Catalogue, Challenge
from shared.domain.goal import Goal, Source, Stat
from shared.domain.identity import (
    GoalIdentity,
    LeaderboardIdentity,
    TierKey,
    goal_identity,
    leaderboard_identity,
    tier_ids,
)
from shared.domain.instant import Instant
from shared.domain.leaderboard import Leaderboard


def incompatibilities(old: Catalogue, new: Catalogue, now: Instant) -> list[Problem]:
    """Return why `new` cannot replace `old` now, in the order of `new`; empty if it can."""
    goals = {goal.id: goal_identity(goal) for goal in old.goals.values()}
    boards = {board.id: leaderboard_identity(board) for board in old.leaderboards}
    runs = {season.id: season.runs for season in old.seasons}
    return [
        *identity_changes(goals, new),
        *tier_changes(tier_ids(old.goals.values()), new),
        *leaderboard_identity_changes(boards, new),
        *season_run_changes(runs, new, now),
    ]


def identity_changes(known: Mapping[str, GoalIdentity], new: Catalogue) -> list[Problem]:
    """Return why `new` cannot replace catalogues whose goals had these identities, by goal id; empty if it can.

    A goal id is permanent: source, stat, counting and schedule never change under it. Everything else may change. A
    goal may move to another challenge: everything stored about it is stored under its own id, and calls that still name
    the old challenge end in GOAL_NOT_FOUND.
    """
    return [
        Problem(f"goal {goal.id!r}", f"{change}: a goal id is permanent, give the changed goal a new id")
        for goal in new.goals.values()
        if goal.id in known
        for change in _differences(identity_traits(known[goal.id]), identity_traits(goal_identity(goal)))
    ]


def tier_changes(known: Mapping[TierKey, str], new: Catalogue) -> list[Problem]:
    """Return the same for tiers, by their places: one may be added after the last, and none gets another place."""
    return [
        Problem(
            f"goal {key.goal_id!r}",
            f"tier {key.number} is {tier_id!r} and was {known[key]!r}: tiers keep their places, new ones come last",
        )
        for key, tier_id in tier_ids(new.goals.values()).items()
        if known.get(key, tier_id) != tier_id
    ]


def leaderboard_identity_changes(known: Mapping[str, LeaderboardIdentity], new: Catalogue) -> list[Problem]:
    """Return the same for leaderboards: what one ranks, its period and its order never change under its id."""
    return [
        Problem(
            f"leaderboard {board.id!r}",
            f"{change}: a leaderboard id is permanent, give the changed leaderboard a new id",
        )
        for board in new.leaderboards
        if board.id in known
        for change in _differences(
            _leaderboard_identity_traits(known[board.id]), _leaderboard_identity_traits(leaderboard_identity(board))
        )
    ]


def changes(old: Catalogue, new: Catalogue) -> list[str]:
    """Return the differences of `new`, one sentence each; empty if and only if the versions are equal."""
    return [
        *_challenge_changes(old, new),
        *_goal_changes(old, new),
        *_order_changes(old, new),
        *_stat_changes(old, new),
        *_board_changes(old, new),
        *schedule_changes(old, new),
        *season_changes(old, new),
    ]


def _challenge_changes(old: Catalogue, new: Catalogue) -> Iterator[str]:
    for challenge in old.challenges:
        if challenge.id not in new.challenge_by_id:
            yield f"challenge {challenge.id!r} is removed"
    for challenge in new.challenges:
        before = old.challenge_by_id.get(challenge.id)
        if before is None:
            yield f"challenge {challenge.id!r} is added"
            continue
        if before.name != challenge.name:
            yield f"challenge {challenge.id!r}: name changes from {before.name!r} to {challenge.name!r}"
        if before.description != challenge.description:
            yield f"challenge {challenge.id!r}: description changes"
        for change in _differences(challenge_traits(before), challenge_traits(challenge)):
            yield f"challenge {challenge.id!r}: {change}"


def _goal_changes(old: Catalogue, new: Catalogue) -> Iterator[str]:
    for goal in old.goals.values():
        if goal.id not in new.goals:
            yield f"goal {goal.id!r} is removed from challenge {goal.challenge_id!r}"
    for goal in new.goals.values():
        before = old.goals.get(goal.id)
        if before is None:
            yield f"goal {goal.id!r} is added to challenge {goal.challenge_id!r}"
            continue
        if before.challenge_id != goal.challenge_id:
            yield f"goal {goal.id!r} moves from challenge {before.challenge_id!r} to {goal.challenge_id!r}"
        for change in _differences(goal_traits(before), goal_traits(goal)):
            yield f"goal {goal.id!r}: {change}"
        if before.description != goal.description:
            yield f"goal {goal.id!r}: description changes"


def _differences(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each trait that changes."""
    return (f"{trait} changes from {old[trait]} to {new[trait]}" for trait in old if old[trait] != new[trait])


def _order_changes(old: Catalogue, new: Catalogue) -> Iterator[str]:
    if _reordered(_ids(old.challenges), _ids(new.challenges)):
        yield "challenges are in another order"
    for challenge in new.challenges:
        before = old.challenge_by_id.get(challenge.id)
        if before is not None and _reordered(_ids(before.goals), _ids(challenge.goals)):
            yield f"challenge {challenge.id!r}: goals are in another order"


def _ids(parts: Iterable[Challenge | Goal]) -> list[str]:
    return [part.id for part in parts]


def _reordered(old: Sequence[str], new: Sequence[str]) -> bool:
    """Return True if the common elements are in another order."""
    kept = set(old) & set(new)
    return [part for part in old if part in kept] != [part for part in new if part in kept]


def _stat_changes(old: Catalogue, new: Catalogue) -> Iterator[str]:
    for code in sorted(old.declared_stats ^ new.declared_stats):
        yield f"stat {code!r} is {'no longer ' if code in old.declared_stats else ''}declared under stats"
    for stat in sorted(new.wanted - old.wanted):
        yield f"{_events_of(stat)} are tallied from now on"
    for stat in sorted(old.wanted - new.wanted):
        yield f"{_events_of(stat)} are no longer tallied: nothing is recorded of them"
    for stat in sorted((new.day_counted - old.day_counted) & old.wanted):
        yield f"{_events_of(stat)} are counted by day from now on: earlier days are not known"
    for stat in sorted((old.day_counted - new.day_counted) & new.wanted):
        yield f"{_events_of(stat)} are no longer counted by day"


def _board_changes(old: Catalogue, new: Catalogue) -> Iterator[str]:
    for board in old.leaderboards:
        if board.id not in new.leaderboard_by_id:
            yield f"leaderboard {board.id!r} is removed"
    for board in new.leaderboards:
        before = old.leaderboard_by_id.get(board.id)
        if before is None:
            yield f"leaderboard {board.id!r} is added: it ranks what happens from now on, and its lifetime tally"
            continue
        for change in _differences(_board_traits(before), _board_traits(board)):
            yield f"leaderboard {board.id!r}: {change}"
        if before.description != board.description:
            yield f"leaderboard {board.id!r}: description changes"
    kept_before = [board.id for board in old.leaderboards if board.id in new.leaderboard_by_id]
    if kept_before != [board.id for board in new.leaderboards if board.id in old.leaderboard_by_id]:
        yield "leaderboards are in another order"


def _leaderboard_identity_traits(identity: LeaderboardIdentity) -> dict[str, str]:
    """Return what a leaderboard ranks, by the keys of a document."""
    over = (identity.scope, identity.scope_id, identity.source, identity.stat_code)
    return {
        "count": identity.measure,
        "over": " ".join(part for part in over if part),
        "period": identity.schedule,
        "order": "ascending" if identity.ascending else "descending",
    }


def _board_traits(board: Leaderboard) -> dict[str, str]:
    return {
        "name": repr(board.name),
        **_leaderboard_identity_traits(leaderboard_identity(board)),
        "schedule": repr(board.schedule.id) if board.schedule.id else "none",
        "ranks": "shared" if board.shared_ranks else "strict",
    }


def _events_of(stat: Stat) -> str:
    match stat.source:
        case Source.LOGIN:
            return "logins"
        case Source.GOAL:
            return f"completions of {stat.code!r}"
        case Source.POINTS:
            return f"points of {stat.code!r}"
    return f"events of stat {stat.code!r}"
