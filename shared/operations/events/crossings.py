"""Goals whose targets a transaction has reached, and which of them their players have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import NamedTuple, TypeAlias

from shared.domain.catalogue import Catalogue
from shared.domain.crossing import crossed, crossed_by_days
from shared.domain.events import CompletionKey
from shared.domain.goal import Stat
from shared.domain.instant import Instant
from shared.domain.ladders import Ladder, StreakLadder
from shared.domain.player_zones import NO_ZONES, Zones
from shared.domain.pools import Pools
from shared.domain.progress import is_active
from shared.domain.rungs import Rung
from shared.domain.tally import Tally, TallyKey
from shared.postgres.connection import Connection
from shared.postgres.events.tallies import MergedTally
from shared.postgres.goals import assignments, selections
from shared.postgres.goals.selections import SelectionKey

SelectedGoal: TypeAlias = tuple[str, str, Instant]
"""A player, a goal of a pool, and the start of a period for which the player has the goal."""


class Crossing(NamedTuple):
    """A rung whose target this transaction has reached."""

    tally: MergedTally
    rung: Rung

    @property
    def completion(self) -> CompletionKey:
        goal, occurrence = self.rung
        return CompletionKey(self.tally.user_id, goal.id, self.tally.period_start, occurrence)


def all_crossings(
    connection: Connection, catalogue: Catalogue, merged: Sequence[MergedTally], folded: Mapping[TallyKey, Tally]
) -> list[Crossing]:
    """Return the rungs whose targets events have reached, each with its tally. `folded` are the merged tallies."""
    return [
        *crossings_of(catalogue, merged),
        *streak_crossings(catalogue, merged, folded),
        *credited_crossings(connection, catalogue, merged),
    ]


def crossings_of(catalogue: Catalogue, merged: Iterable[MergedTally]) -> list[Crossing]:
    """Return the rungs whose targets the tallies have reached by this merge, each with its tally."""
    crossings: list[Crossing] = []
    # A batch has many tallies of few stats.
    known: dict[tuple[str, str, str], Sequence[Ladder]] = {}
    for tally in merged:
        # Slices of plain fields: most tallies cross nothing, so `Stat` and `Measures` would be made in vain.
        key = tally[1:4]
        ladders = known.get(key)
        if ladders is None:
            ladders = known[key] = catalogue.ladders.get(tally.schedule, _NO_LADDERS).get(tally.stat, ())
        if rungs := crossed(ladders, tally[5:9], tally[9:13]):
            crossings += [Crossing(tally, rung) for rung in rungs]
    return crossings


_NO_LADDERS: Mapping[Stat, Sequence[Ladder]] = {}


def streak_crossings(
    catalogue: Catalogue, merged: Iterable[MergedTally], folded: Mapping[TallyKey, Tally]
) -> list[Crossing]:
    """Return the rungs of streaks that the days of this merge have reached, each with its tally.

    `folded` are the tallies that were merged. Without goals of streaks, nothing is looked at.
    """
    crossings: list[Crossing] = []
    for tally in merged if catalogue.streak_ladders else ():
        if tally.day_count > tally.prev_day_count:
            ladders = catalogue.streak_ladders.get(tally.schedule, _NO_STREAK_LADDERS).get(tally.stat, ())
            if ladders:
                days = folded[tally.key].days
                found = crossed_by_days(ladders, tally.stretches_before, days)
                crossings += [Crossing(tally, rung) for rung in found]
    return crossings


def credited_crossings(connection: Connection, catalogue: Catalogue, merged: Iterable[MergedTally]) -> list[Crossing]:
    """Return the rungs that goals counting from their activation on have reached by this merge.

    Each has its tally less the baseline. Baselines are read here, while the tallies are locked, so no activation comes
    between; only for goals that would be reached without one.
    """
    found = [
        (tally, goal)
        for tally in (merged if catalogue.credited_from_assignment else ())
        for goal in catalogue.credited_from_assignment.get((tally.stat, tally.schedule), ())
        if tally.before.judged_by(goal.counting) < tally.after.judged_by(goal.counting) >= goal.target
    ]
    if not found:
        return []
    choices = assignments.read_choices(connection, [(tally.user_id, goal.id) for tally, goal in found])
    crossings: list[Crossing] = []
    for tally, goal in found:
        assignment = choices[tally.user_id, goal.id].assignment
        if assignment is not None:
            before, after = (
                measures.with_judged(
                    goal.counting, assignment.credited(measures.judged_by(goal.counting), tally.period_start)
                )
                for measures in (tally.before, tally.after)
            )
            if before.judged_by(goal.counting) < goal.target <= after.judged_by(goal.counting):
                crossings.append(Crossing(tally.with_measures(before, after), Rung(goal)))
    return crossings


_NO_STREAK_LADDERS: Mapping[Stat, Sequence[StreakLadder]] = {}


def active_crossings(
    connection: Connection, catalogue: Catalogue, crossings: Sequence[Crossing], zones: Mapping[str, Zones]
) -> Iterator[tuple[Crossing, Instant | None]]:
    """Yield the crossings whose goal is active for the player, each with the instant since when, if that is known.

    `zones` are those of players whose periods depend on them. Without crossings, nothing is read.
    """
    if not crossings:
        return
    read_selected = _read_selected(connection, catalogue.pools, crossings, zones)
    choices = assignments.read_choices(connection, [(each.tally.user_id, each.rung.goal.id) for each in crossings])
    selected = read_selected()
    for crossing in crossings:
        tally, (goal, _) = crossing
        choice = choices[tally.user_id, goal.id]
        having = (goal.id,) if goal.in_pool and (tally.user_id, goal.id, tally.period_start) in selected else ()
        if is_active(goal, choice.assignment, completion=None, selected=having):
            yield crossing, choice.active_since


def _read_selected(
    connection: Connection, pools: Pools | None, crossings: Sequence[Crossing], zones: Mapping[str, Zones]
) -> Callable[[], Set[SelectedGoal]]:
    """Read the stored selections of pools by the next round trip; without goals of pools, nothing is read.

    Return a function that returns after that which goals of pools the players have in the periods of the crossings,
    however late the events come. `zones` are those of players whose periods depend on them.
    """
    of_pools = (
        [] if pools is None else [each for each in crossings if each.rung.goal.challenge_id in pools.by_challenge]
    )
    if pools is None or not of_pools:
        return frozenset
    starts = {tally.period_start for tally, _ in of_pools}
    stored = selections.read_of_players(connection, {tally.user_id for tally, _ in of_pools}, min(starts), max(starts))
    return lambda: _selected(pools, of_pools, stored(), zones)


def _selected(
    pools: Pools,
    of_pools: Sequence[Crossing],
    stored: Mapping[SelectionKey, tuple[str, ...]],
    zones: Mapping[str, Zones],
) -> Set[SelectedGoal]:
    # A batch may hold a thousand crossings, so plain tuples are the keys: they equal named ones and cost a tenth.
    known: Mapping[tuple[str, str, Instant], tuple[str, ...]] = dict(stored.items())
    found: dict[tuple[str, str, Instant], tuple[str, ...]] = {}
    selected: set[SelectedGoal] = set()
    for tally, (goal, _) in of_pools:
        user_id, start = tally.user_id, tally.period_start
        key = user_id, goal.challenge_id, start
        selection = found.get(key)
        if selection is None:
            pool = pools.by_challenge[goal.challenge_id]
            of_player = zones.get(user_id, NO_ZONES)
            selection = found[key] = pools.selection(pool, user_id, start, of_player, known.get(key))
        if goal.id in selection:
            selected.add((user_id, goal.id, start))
    return selected
