"""Streaks of a player, from the days of tallies."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from shared.domain.current_periods import CurrentPeriods
from shared.domain.goal import Stat
from shared.domain.player_view import StreakKey
from shared.domain.streaks import Streak, streak_of
from shared.postgres.connection import Connection
from shared.postgres.events.tallies import stat_of, stretches_of
from shared.postgres.statements import int_array, statement, text_array

_READ = statement("read_streak_days")


def read_later(
    connection: Connection, user_id: str, current: CurrentPeriods, stats: Collection[Stat] | None = None
) -> Callable[[], Mapping[StreakKey, Streak]]:
    """Read the streaks that goals ask for in the lifetime and the current periods, by the next statement.

    With `stats` only those of these stats. Return a function that returns them after that statement, which the caller
    executes at once. If no goal asks for any, nothing is read.
    """
    if not current.watched_days:
        return dict
    watched = [each for each in current.watched_days if stats is None or each.stat in stats]
    if not watched:
        return dict
    execution = _READ.precede(
        connection,
        user_id,
        text_array([each.stat.source for each in watched]),
        text_array([each.stat.code for each in watched]),
        text_array([each.schedule for each in watched]),
        int_array([each.period_start for each in watched]),
    )

    def streaks() -> dict[StreakKey, Streak]:
        days = {
            (stat_of(source, code), schedule): stretches_of(literal)
            for source, code, schedule, literal in execution.rows
        }
        return {
            StreakKey(each.stat, each.schedule, rule): streak_of(days[each.stat, each.schedule], rule, each.today)
            for each in watched
            if (each.stat, each.schedule) in days
            for rule in each.rules
        }

    return streaks
