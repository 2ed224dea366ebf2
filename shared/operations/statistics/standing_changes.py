"""Changes that a transaction makes to standings, and to scores on leaderboards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shared.domain.catalogue import Catalogue
from shared.domain.events import CompletionKey
from shared.domain.instant import Instant
from shared.domain.scopes import Scope
from shared.domain.scores import TallyState
from shared.domain.standings import (
    CompletionRecord,
    Parts,
    Standing,
    StandingKey,
    add_up,
    adjustment_parts,
    claim_parts,
    completion_parts,
)
from shared.postgres.connection import Connection
from shared.postgres.events.tallies import MergedTally
from shared.postgres.goals import completions
from shared.postgres.leaderboards import journal
from shared.postgres.rewards.outbox import Claimed
from shared.postgres.statistics import standings


class ScoreChanges(NamedTuple):
    """Scores on leaderboards changed by a transaction."""

    entry_id: int
    """Id of the journal entry, which exists until Redis has these scores."""
    tallies: Sequence[TallyState]
    standings: Mapping[StandingKey, Standing]
    """The standings after the transaction."""


class StandingChanges:
    """Collects the changes of a transaction, so that standings are locked together, after everything else."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._parts: list[tuple[StandingKey, Standing]] = []

    def complete(self, connection: Connection, records: Mapping[CompletionKey, CompletionRecord]) -> set[CompletionKey]:
        """Store completions, and return those not stored before. Only these count."""
        stored = completions.insert_missing(connection, records)
        for key in stored:
            self._add(completion_parts(key.user_id, records[key], self._catalogue.points_schedules))
        return stored

    def claim(self, user_id: str, claimed: Claimed, claim_time: Instant) -> None:
        """Add a claim of a completion."""
        self._add(claim_parts(user_id, claimed.challenge_id, claimed.tags, claim_time))

    def adjust(self, user_id: str, points: int, adjust_time: Instant) -> None:
        """Add an adjustment of points by an operator."""
        self._add(adjustment_parts(user_id, points, adjust_time, self._catalogue.points_schedules))

    def store(self, connection: Connection, merged: Sequence[MergedTally] = ()) -> ScoreChanges | None:
        """Store the changes. Add a journal entry if scores change by them or by `merged`; otherwise return None."""
        stored = standings.merge(connection, add_up(self._parts)) if self._parts else {}
        leaderboards = self._catalogue.leaderboards_over
        by_tallies = self._ranked(merged)
        by_points = {
            key: standing
            for key, standing in stored.items()
            if (Scope(key.scope, key.scope_id), key.schedule) in leaderboards
        }
        if not by_tallies and not by_points:
            return None
        players = {tally.user_id for tally in by_tallies}.union(key.user_id for key in by_points)
        return ScoreChanges(journal.insert(connection, sorted(players)), by_tallies, by_points)

    def _ranked(self, merged: Sequence[MergedTally]) -> list[TallyState]:
        leaderboards = self._catalogue.leaderboards_over
        if not leaderboards:
            return []
        return [tally.state for tally in merged if (tally.stat, tally.schedule) in leaderboards]

    def _add(self, parts: Parts) -> None:
        self._parts += parts


def release_claim(connection: Connection, key: CompletionKey, claim_number: int, held: completions.HeldClaim) -> None:
    """Make a locked completion claimable again, if it is held by this claim."""
    if completions.release(connection, key, claim_number) and held.claim_time is not None:
        taken_back = claim_parts(key.user_id, held.challenge_id, held.tags, held.claim_time, number=-1)
        standings.merge(connection, add_up(taken_back))
