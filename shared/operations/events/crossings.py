"""Goals whose targets a batch of events has reached, and which of them their players have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple, TypeAlias

from shared.domain.events import CompletionKey
from shared.domain.goal import Rung
from shared.domain.instant import Instant
from shared.domain.player_zones import NO_ZONES, Zones
from shared.domain.pools import Pools
from shared.postgres.connection import Connection
from shared.postgres.events.tallies import MergedTally
from shared.postgres.goals import selections

SelectedGoal: TypeAlias = tuple[str, str, Instant]
"""A player, a goal of a pool, and the start of a period for which the player has the goal."""


class Crossing(NamedTuple):
    """A rung whose target this batch has reached."""

    tally: MergedTally
    rung: Rung

    @property
    def completion(self) -> CompletionKey:
        goal, occurrence = self.rung
        return CompletionKey(self.tally.user_id, goal.id, self.tally.period_start, occurrence)


def selected_crossings(
    connection: Connection, pools: Pools | None, crossings: Sequence[Crossing], zones: Mapping[str, Zones]
) -> Set[SelectedGoal]:
    """Return the goals of pools that the player has in the period of the event, however late it comes.

    `zones` are those of players whose periods depend on them. Without such goals, nothing is read.
    """
    if pools is None:
        return frozenset()
    of_pools = [crossing for crossing in crossings if crossing.rung.goal.challenge_id in pools.by_challenge]
    if not of_pools:
        return frozenset()
    starts = {tally.period_start for tally, _ in of_pools}
    stored = selections.read_of_players(connection, {tally.user_id for tally, _ in of_pools}, min(starts), max(starts))
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
