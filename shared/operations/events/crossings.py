"""Goals whose targets a batch of events has reached, and which of them their players have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shared.domain.events import CompletionKey
from shared.domain.goal import Goal
from shared.domain.player_zones import NO_ZONES, Zones
from shared.domain.pools import Pools
from shared.postgres.connection import Connection
from shared.postgres.events.tallies import MergedTally
from shared.postgres.goals import selections
from shared.postgres.goals.selections import SelectionKey


class Crossing(NamedTuple):
    """A goal whose target this batch has reached."""

    tally: MergedTally
    goal: Goal

    @property
    def completion(self) -> CompletionKey:
        return CompletionKey(self.tally.user_id, self.goal.id, self.tally.period_start, 1)


def selected_crossings(
    connection: Connection, pools: Pools | None, crossings: Sequence[Crossing], zones: Mapping[str, Zones]
) -> frozenset[CompletionKey]:
    """Return the completions of goals of pools that the player has in the period of the event, however late it comes.

    `zones` are those of players whose periods depend on them. Without such goals, nothing is read.
    """
    if pools is None:
        return frozenset()
    of_pools = [crossing for crossing in crossings if crossing.goal.challenge_id in pools.by_challenge]
    if not of_pools:
        return frozenset()
    keys = [
        SelectionKey(crossing.tally.user_id, crossing.goal.challenge_id, crossing.tally.period_start)
        for crossing in of_pools
    ]
    unique = set(keys)
    starts = {key.period_start for key in unique}
    stored = selections.read_of_players(connection, {key.user_id for key in unique}, min(starts), max(starts))
    selected = {
        key: pools.selection(
            pools.by_challenge[key.challenge_id],
            key.user_id,
            key.period_start,
            zones.get(key.user_id, NO_ZONES),
            stored.get(key),
        )
        for key in unique
    }
    return frozenset(
        crossing.completion for crossing, key in zip(of_pools, keys, strict=True) if crossing.goal.id in selected[key]
    )
