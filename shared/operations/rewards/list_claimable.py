"""The rewards that a player can claim now, in current and past periods."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from shared.domain.catalogue import Catalogue
from shared.domain.claim_periods import PeriodStatus
from shared.domain.claims import is_claimable
from shared.domain.instant import Instant
from shared.operations.rewards.completed_goals import PlayerPeriods, read_player_periods
from shared.postgres.database import Database


class ClaimableKey(NamedTuple):
    """The place of a claimable reward in a list: the newest period comes first, then the greatest goal id."""

    period_start: Instant
    goal_id: str


def place_of(claimable: PeriodStatus) -> ClaimableKey:
    """Return the place of a claimable reward."""
    return ClaimableKey(claimable.period.start, claimable.goal.id)


def list_claimable(
    database: Database,
    catalogue: Catalogue,
    user_id: str,
    after: ClaimableKey | None,
    count: int,
    now: Instant,
    deadline: float,
) -> list[PeriodStatus]:
    """Return up to `count` completed goals whose rewards can be claimed, after the one at `after`.

    Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """
    player = read_player_periods(database, catalogue, user_id, now, deadline)
    claimable = (each for each in _newest_first(player, after) if is_claimable(each.status))
    return list(islice(claimable, count))


def _newest_first(player: PlayerPeriods, after: ClaimableKey | None) -> Iterator[PeriodStatus]:
    """Yield completed goals after a place in the list. Statuses are computed only as far as the caller reads."""
    goals = player.catalogue.goals
    current = {place_of(each): each for each in map(player.current, goals.values()) if each is not None}
    periods = {(schedule, period.start): period for schedule, some in player.past_periods.items() for period in some}
    past = (
        ClaimableKey(start, goal_id)
        for start, of_period in player.past.items()
        for goal_id, completion in of_period.items()
        if completion.claim_time is None
    )
    keys = sorted({*current, *past}, reverse=True)
    for key in keys:
        if after is not None and key >= after:
            continue
        goal = goals.get(key.goal_id)
        period = None if goal is None else periods.get((goal.schedule, key.period_start))
        found = current.get(key)
        if found is None and goal is not None and period is not None:
            found = player.in_past(goal, period)
        if found is not None:
            yield found
