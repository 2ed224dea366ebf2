"""Comparison of two catalogues: incompatibilities, and a summary of changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from shared.catalogue.problem import Problem
from shared.catalogue.season_changes import dates, schedule_changes, season_changes, season_run_changes
from shared.domain.catalogue import Catalogue, Challenge
from shared.domain.goal import PRIORITY_DEFAULT, Goal, Meta, Reward, Source, Stat
from shared.domain.identity import GoalIdentity, LeaderboardIdentity, goal_identity, leaderboard_identity
from shared.domain.instant import MINUTE, Instant, to_datetime
from shared.domain.leaderboard import Leaderboard


def incompatibilities(old: Catalogue, new: Catalogue, now: Instant) -> list[Problem]:
    """Return why `new` cannot replace `old` now, in the order of `new`; empty if it can."""
    goals = {goal.id: goal_identity(goal) for goal in old.goals.values()}
    boards = {board.id: leaderboard_identity(board) for board in old.leaderboards}
    runs = {season.id: season.runs for season in old.seasons}
    return [
        *identity_changes(goals, new),
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
        for change in _differences(_identity_traits(known[goal.id]), _identity_traits(goal_identity(goal)))
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
        for change in _differences(_challenge_traits(before), _challenge_traits(challenge)):
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
        for change in _differences(_traits(before), _traits(goal)):
            yield f"goal {goal.id!r}: {change}"
        if before.description != goal.description:
            yield f"goal {goal.id!r}: description changes"


def _differences(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each trait that changes."""
    return (f"{trait} changes from {old[trait]} to {new[trait]}" for trait in old if old[trait] != new[trait])


def _identity_traits(identity: GoalIdentity) -> dict[str, str]:
    """Return the identity by the keys of a document, as text short enough to be shown."""
    return {
        "source": identity.source,
        "stat": repr(identity.stat_code) if identity.stat_code else "none",
        "count": identity.counting,
        "schedule": identity.schedule,
    }


def _traits(goal: Goal) -> dict[str, str]:
    """Return everything a document says about a goal, like `_identity_traits`."""
    return {
        **_identity_traits(goal_identity(goal)),
        "target": f"{goal.target:,}",
        "hidden": "true" if goal.hidden else "false",
        "meta": _meta(goal.meta),
        "repeat": f"{goal.repeat}" if goal.repeat > 1 else "none",
        "at_most": "none" if goal.at_most is None else f"{goal.at_most:,}",
        "bridge_days": f"{goal.streak.bridge_days}" if goal.streak is not None else "none",
        "outages": dates(goal.streak.outages if goal.streak is not None else ()),
        "name": repr(goal.name),
        "reward": _reward(goal.reward),
        "further rewards": "; ".join(map(_reward, goal.further_rewards)) or "none",
        "default_assigned": "true" if goal.default_assigned else "false",
        "requires": ", ".join(map(repr, goal.requires)) or "none",
        "requires_to_activate": ", ".join(map(repr, goal.requires_to_activate)) or "none",
        "points": f"{goal.points:,}",
        "suspended": "true" if goal.suspended else "false",
        "claim": goal.claim_mode.value,
        "tags": ", ".join(map(repr, goal.tags)) or "none",
        "weight": f"{goal.weight}",
        "from": to_datetime(goal.joins).strftime("%Y-%m-%dT%H:%M:%SZ") if goal.joins else "none",
    }


def _challenge_traits(challenge: Challenge) -> dict[str, str]:
    """Return what a document says about a pool and about limits."""
    pool = challenge.pool
    numbers = {
        "select": pool and pool.select,
        "no_repeat": pool and pool.no_repeat,
        "rerolls": pool and pool.rerolls,
        "max_active": challenge.max_active,
    }
    cooldown = f"{challenge.cooldown // MINUTE:,} minutes" if challenge.cooldown else "none"
    others = {"cooldown": cooldown, "meta": _meta(challenge.meta)}
    return {key: "none" if number is None else f"{number}" for key, number in numbers.items()} | others


def _meta(meta: Meta) -> str:
    return ", ".join(f"{key!r}: {value!r}" for key, value in meta) or "none"


def _reward(reward: Reward) -> str:
    meta = f", meta {_meta(reward.meta)}" if reward.meta else ""
    priority = f", priority {reward.priority}" if reward.priority != PRIORITY_DEFAULT else ""
    required = f", requires {reward.requires_attribute!r}" if reward.requires_attribute else ""
    return f"{reward.type} {reward.id!r} x {reward.quantity:,}{priority}{required}{meta}"


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
