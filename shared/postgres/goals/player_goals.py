"""Some goals of a player in the database: what their status depends on, and nothing else of the player.

Each table is read by a statement of its own, and all of them travel in one round trip: executors of short statements
start and end in half of the time that one statement over all of these tables takes. All rows are looked up by full
primary keys or their prefixes, so the cost does not depend on what else is stored of the player. Periods that may be
current are ranges of starts, because a player's zones are known only afterwards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from shared.domain.current_periods import CurrentPeriods, Range
from shared.domain.goal import Goal, Source, Stat
from shared.domain.instant import LIFETIME_START
from shared.domain.player_view import StreakKey
from shared.domain.player_zones import NO_ZONES
from shared.domain.progress import Assignment, Completion, PlayerView, TallyView
from shared.domain.schedules import LIFETIME
from shared.domain.streaks import Streak
from shared.domain.tally import Measures
from shared.postgres.connection import Connection
from shared.postgres.events.tallies import stat_of
from shared.postgres.execution import Execution
from shared.postgres.goals import player_attributes, player_streaks
from shared.postgres.goals.player_completions import by_occurrence
from shared.postgres.goals.player_zones import zones_of
from shared.postgres.statements import statement, text_array

_READ_ZONES = statement("read_zones_of_player")
_READ_TALLIES = statement("read_goal_tallies")
_READ_TALLY = statement("read_goal_tally")
_READ_COMPLETIONS = statement("read_goal_completions")
_READ_COMPLETIONS_BETWEEN = statement("read_goal_completions_between")
_READ_CHOICES = statement("read_goal_choices")
_READ_EVER = statement("read_completed_ever")
_LIFETIME_RANGE = Range(LIFETIME_START, LIFETIME_START)


def read(
    connection: Connection, user_id: str, goals: Collection[Goal], current: CurrentPeriods, *, tallies: bool = True
) -> PlayerView:
    """Return a view of the player that has the status of these goals, as of the lifetime and the current periods.

    The goals that they require must be among them. What is stored meanwhile may be seen in part: a completion without
    the events that led to it, but no events without the completions that were stored with them. Without `tallies` only
    the status of goals with stored completions is right.
    """
    view = read_later(connection, user_id, goals, current, tallies=tallies)
    connection.execute_deferred()
    return view()


def read_later(
    connection: Connection, user_id: str, goals: Collection[Goal], current: CurrentPeriods, *, tallies: bool = True
) -> Callable[[], PlayerView]:
    """Queue the statements of `read`; they are sent with the transaction's next statement or with COMMIT.

    Return a function to call after that: it returns the view.
    """
    counted: dict[tuple[str, Source], set[str]] = defaultdict(set)
    completed: dict[Range, list[str]] = defaultdict(list)
    ranges = {LIFETIME.text: _LIFETIME_RANGE, **dict(current.tally_ranges())}
    for goal in goals:
        schedule = goal.schedule.text
        if schedule in ranges:
            if tallies:
                counted[schedule, goal.stat.source].add(goal.stat.code)
            completed[ranges[schedule]].append(goal.id)
    goal_ids = text_array([goal.id for goal in goals])
    by_player = current.of_zones is not None or any(goal.schedule.by_player for goal in goals)
    stored = _Stored(
        goals,
        current,
        _read_separately(connection, user_id, goals, current),
        _READ_ZONES.precede(connection, user_id) if by_player else None,
        {
            (schedule, source): _read_tallies(connection, user_id, schedule, ranges[schedule], source, sorted(codes))
            for (schedule, source), codes in counted.items()
        },
        [
            _READ_COMPLETIONS.precede(connection, user_id, text_array(some), first)
            if first == last
            else _READ_COMPLETIONS_BETWEEN.precede(connection, user_id, text_array(some), first, last)
            for (first, last), some in completed.items()
        ],
        _READ_CHOICES.precede(connection, user_id, goal_ids),
    )
    return stored.view


def _read_tallies(
    connection: Connection, user_id: str, schedule: str, starts: Range, source: Source, codes: Sequence[str]
) -> Execution:
    if schedule == LIFETIME.text and len(codes) == 1:
        return _READ_TALLY.precede(connection, user_id, source, codes[0])
    return _READ_TALLIES.precede(connection, user_id, schedule, *starts, source, text_array(codes))


class _SeparateReads(NamedTuple):
    """The parts of a player that few goals need, each read by a statement of its own, only if a goal needs it."""

    streaks: Callable[[], Mapping[StreakKey, Streak]]
    ever: Execution | None
    attributes: Callable[[], Collection[str]]


def _read_separately(
    connection: Connection, user_id: str, goals: Collection[Goal], current: CurrentPeriods
) -> _SeparateReads:
    """Queue these statements; they are sent with the next one, which the caller executes."""
    ever = [goal.id for goal in goals if goal.id in current.required_ever] if current.required_ever else ()
    return _SeparateReads(
        player_streaks.read_later(
            connection, user_id, current, {goal.stat for goal in goals if goal.streak is not None}
        ),
        _READ_EVER.precede(connection, user_id, text_array(ever)) if ever else None,
        player_attributes.read_later(connection, user_id, current.attributes),
    )


class _Stored(NamedTuple):
    """The statements that read the goals, sent or still queued."""

    goals: Collection[Goal]
    current: CurrentPeriods
    separate: _SeparateReads
    zones: Execution | None
    tallies: Mapping[tuple[str, Source], Execution]
    """By schedule and source."""
    completions: Collection[Execution]
    choices: Execution

    def view(self) -> PlayerView:
        """Return the player."""
        named = self.zones.rows if self.zones is not None else ()
        zones = zones_of(*named[0]) if named else NO_ZONES
        periods = self.current.of_player(zones)
        of_lifetime: dict[Stat, TallyView] = {}
        of_periods: dict[tuple[Stat, str], TallyView] = {}
        for (schedule, source), execution in self.tallies.items():
            period = periods.periods.get(schedule)
            for code, *measures, latest, period_start in execution.rows:
                tally, stat = TallyView(Measures(*measures), latest), stat_of(source, code)
                if schedule == LIFETIME.text:
                    of_lifetime[stat] = tally
                elif period is not None and period_start == period.start:
                    of_periods[stat, schedule] = tally
        starts = {
            goal.id: LIFETIME_START if goal.schedule == LIFETIME else periods.starts.get(goal.id) for goal in self.goals
        }
        completions, occurrences = by_occurrence(
            (goal_id, occurrence, Completion(*fields))
            for execution in self.completions
            for goal_id, occurrence, *fields, period_start in execution.rows
            if period_start == starts[goal_id]
        )
        separate = self.separate
        return PlayerView(
            of_lifetime,
            {goal_id: Assignment(*choice) for goal_id, *choice in self.choices.rows},
            completions,
            of_periods,
            periods.periods,
            periods.ended,
            frozenset() if separate.ever is None else frozenset(goal_id for (goal_id,) in separate.ever.rows),
            zones,
            attributes=frozenset(separate.attributes()),
            occurrences=occurrences,
            streaks=separate.streaks(),
        )
