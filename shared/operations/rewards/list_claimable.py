"""The rewards that a player can claim now, in current and past periods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from shared.domain.catalogue import Catalogue
from shared.domain.claim_periods import PeriodStatus
from shared.domain.claims import is_claimable
from shared.domain.instant import LIFETIME_START, Instant
from shared.domain.progress import GoalState, completed_state
from shared.operations.rewards.completed_goals import PlayerPeriods, read_past, read_player
from shared.postgres.database import Database

PERIODS_AT_FIRST = 8
"""Number of past periods that are read first; the others are read if the page is not full by then."""


class ClaimableKey(NamedTuple):
    """The sort key of a claimable reward in a list: the newest period comes first, then the greatest goal id.

    Of a goal that repeats, the last occurrence comes first.
    """

    period_start: Instant
    goal_id: str
    occurrence: int = 1


def key_of(claimable: PeriodStatus) -> ClaimableKey:
    """Return the sort key of a claimable reward."""
    return ClaimableKey(claimable.period.start, claimable.goal.id, claimable.occurrence)


def list_claimable(
    database: Database,
    catalogue: Catalogue,
    user_id: str,
    after: ClaimableKey | None,
    count: int,
    now: Instant,
    deadline: float,
    *,
    periods_at_first: int = PERIODS_AT_FIRST,
) -> list[PeriodStatus]:
    """Return up to `count` completed goals whose rewards can be claimed, after the one at `after`.

    Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """
    player = read_player(database, catalogue, user_id, now, deadline)
    current = {key_of(each): each for goal in catalogue.goals.values() for each in player.current(goal)}
    starts = [start for start in player.past_starts if after is None or start <= after.period_start]
    first, rest = starts[:periods_at_first], starts[periods_at_first:]
    found: list[PeriodStatus] = []
    before: float = float("inf")
    # Most pages end within the newest periods, whatever is left of older ones.
    for some, since in ((first, first[-1] if rest else LIFETIME_START), (rest, LIFETIME_START)):
        player = read_past(database, player, user_id, some, deadline)
        keys = {*current, *_unclaimed(player)}
        newest_first = sorted((key for key in keys if since <= key.period_start < before), reverse=True)
        remaining = (key for key in newest_first if after is None or key < after)
        claimable = (each for each in _statuses(player, current, remaining) if is_claimable(each.status))
        found += islice(claimable, count - len(found))
        if len(found) == count:
            break
        before = since
    return found


def _unclaimed(player: PlayerPeriods) -> Iterator[ClaimableKey]:
    """Yield the keys of unclaimed completions of past periods."""
    for start, of_period in player.past.items():
        for goal_id, occurrences in of_period.items():
            for occurrence, completion in occurrences.items():
                goal = player.catalogue.goals.get(goal_id)
                if goal is None or (goal.tiers and occurrence > goal.steps):
                    continue
                if completed_state(goal, completion, player.view, occurrence)[0] is GoalState.COMPLETED:
                    yield ClaimableKey(start, goal_id, occurrence)


def _statuses(
    player: PlayerPeriods, current: Mapping[ClaimableKey, PeriodStatus], keys: Iterable[ClaimableKey]
) -> Iterator[PeriodStatus]:
    """Yield the completed goals with these keys. Statuses are computed only as far as the caller reads."""
    periods = {(schedule, period.start): period for schedule, some in player.past_periods.items() for period in some}
    for key in keys:
        goal = player.catalogue.goals.get(key.goal_id)
        period = None if goal is None else periods.get((goal.schedule, key.period_start))
        found = current.get(key)
        if found is None and goal is not None and period is not None:
            found = player.in_past(goal, period, key.occurrence)
        if found is not None:
            yield found
