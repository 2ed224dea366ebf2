"""Completions and claims of a transaction, and what they change in standings and in scores on leaderboards."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from shared.domain.achieved import Achieved
from shared.domain.catalogue import Catalogue
from shared.domain.claims import Claim
from shared.domain.events import CompletionKey
from shared.domain.grants import Granting
from shared.domain.instant import Instant
from shared.domain.scores import TallyState
from shared.domain.standings import (
    CompletionRecord,
    Parts,
    Scope,
    Standing,
    StandingKey,
    add_up,
    adjustment_parts,
    claim_parts,
    completion_parts,
)
from shared.operations.goals import cascade
from shared.operations.goals.cascade import Caused
from shared.operations.rewards.auto_claims import due_after, due_among
from shared.operations.rewards.store_claims import NONE_LOCKED, store_claims
from shared.postgres.connection import Connection
from shared.postgres.events import tallies
from shared.postgres.events.tallies import MergedTally
from shared.postgres.goals import completions
from shared.postgres.goals.completions import Unclaimed
from shared.postgres.leaderboards import journal
from shared.postgres.player_sweeps import CHALLENGE_COUNT, note_changed, note_first_credited
from shared.postgres.rewards.auto_claims import Candidates
from shared.postgres.statistics import standings


class ScoreChanges(NamedTuple):
    """Scores on leaderboards changed by a transaction."""

    entry_id: int
    """Id of the journal entry, which exists until Redis has these scores."""
    tallies: Sequence[TallyState]
    standings: Mapping[StandingKey, Standing]
    """The standings after the transaction."""

    def user_ids(self) -> set[str]:
        """Return the players."""
        return {tally.user_id for tally in self.tallies} | {key.user_id for key in self.standings}


class StandingChanges:
    """Collects the changes of a transaction, so that standings are locked together, after everything else.

    Goals that are claimed automatically are claimed here, whatever completes or unlocks them.
    """

    def __init__(self, catalogue: Catalogue, now: Instant, granting: Granting | None = None) -> None:
        """`now` decides which rewards can still be claimed; without `granting` it is the time of claims, too."""
        self._catalogue = catalogue
        self._now = now
        self._granting = granting or Granting(now)
        self._parts: list[tuple[StandingKey, Standing]] = []
        self._due: set[CompletionKey] = set()
        """Completions to be claimed without a call."""
        self._reassigned: set[str] = set()
        """The players whose choices for goals the transaction stores."""
        self.claims: dict[CompletionKey, Claim] = {}
        """All claims that were made, automatic ones included."""
        self._completed: list[str] = []
        self._claimed: tuple[list[str], list[str]] = [], []
        """Challenges of claims that were made without a call, and by one."""

    def complete(
        self,
        connection: Connection,
        records: Mapping[CompletionKey, CompletionRecord],
        left_unclaimed: Collection[CompletionKey] = (),
        caused_by: Mapping[CompletionKey, int] = MappingProxyType({}),
    ) -> dict[CompletionKey, int]:
        """Store completions and what they complete in turn, and return those not stored before. Only these count.

        None of `left_unclaimed` is claimed automatically: a call claims it, or its goal is not active. `caused_by` are
        the positions of the events that caused them in a batch; each returned completion has its event's.
        """
        caused = {key: Caused(record, caused_by.get(key, 0)) for key, record in records.items()}
        stored = cascade.complete(connection, self._catalogue, caused)
        self._add_completed(stored)
        # After all completions: this locks what other transactions lock after theirs.
        if stored and self._catalogue.auto_claimed:
            self._due |= due_after(connection, self._catalogue, stored, self._now).difference(left_unclaimed)
        return {key: each.position for key, each in stored.items()}

    def complete_reached(
        self,
        connection: Connection,
        records: Mapping[CompletionKey, CompletionRecord],
        left_unclaimed: Collection[CompletionKey] = (),
    ) -> None:
        """Store completions of a player that the tallies show and no event has stored, as `complete` does.

        The tallies of their stats are locked before. Otherwise an import could bring one of them claimed, and a duty
        pack it, while the statement is executed that stores it: it would see neither the row nor the packed completion.
        """
        goals = [self._catalogue.goals[key.goal_id] for key in records]
        user_id = next(iter(records)).user_id
        for stat in self._catalogue.cascades.locked_with(goals):
            tallies.lock(connection, user_id, stat)
        self.complete(connection, records, left_unclaimed)

    def complete_unclaimed(
        self, connection: Connection, records: Mapping[CompletionKey, CompletionRecord]
    ) -> Collection[CompletionKey]:
        """Store completions that an operator gives, with what they complete in turn, and return the new ones.

        What is claimed automatically is claimed by calls or at the next login: operators know no providers.
        """
        stored = cascade.complete(connection, self._catalogue, {key: Caused(each) for key, each in records.items()})
        self._add_completed(stored)
        return stored

    def note_assignments(self, user_id: str) -> None:
        """Note that the transaction changes this player's assignments, so that the player is counted again."""
        self._reassigned.add(user_id)

    def unlock(self, connection: Connection, candidates: Collection[Candidates]) -> None:
        """Claim automatically those of these completions that now can be claimed: unlocked and active."""
        self._due |= due_among(connection, self._catalogue, candidates, self._now)

    def claim(
        self,
        connection: Connection,
        keys: Collection[CompletionKey],
        request_id: str | None = None,
        locked: Mapping[CompletionKey, Unclaimed] = NONE_LOCKED,
        attributes: Collection[str] = (),
    ) -> dict[CompletionKey, Claim]:
        """Claim the unclaimed rewards, as of now, of stored completions; return the claims of those that have any.

        `locked` are those of them that the transaction has locked unclaimed, `attributes` those of the caller.
        """
        due, self._due = self._due.difference(keys), set()
        stored = store_claims(connection, self._catalogue, keys, due, request_id, self._granting, locked, attributes)
        for key, (claim, claimed) in stored.items():
            self.claims[key] = claim
            self._claimed[key in keys].append(self._catalogue.goals[key.goal_id].challenge_id)
            # A goal counts once, with the first of its rewards.
            if not claimed.before:
                self._add(claim_parts(key.user_id, claimed.challenge_id, claimed.tags, claim.claim_time))
        return {key: claim for key, (claim, _) in stored.items() if key in keys}

    def adjust(self, connection: Connection, user_id: str, points: int, adjust_time: Instant) -> None:
        """Add an adjustment of points by an operator, and store what it completes, which is not claimed here."""
        self._add_completed(cascade.add_points(connection, self._catalogue, user_id, points, adjust_time))
        self._add(adjustment_parts(user_id, points, adjust_time, self._catalogue.points_schedules))

    def store(self, connection: Connection, merged: Sequence[MergedTally] = ()) -> ScoreChanges | None:
        """Store the changes. Add a journal entry if scores change by them or by `merged`; otherwise return None."""
        if self._due:
            self.claim(connection, ())
        without_call, by_call = self._claimed
        if self._completed or without_call or by_call:
            connection.achieved.append(Achieved(self._completed, by_call, without_call))
        added = add_up(self._parts)
        self._note_counted(connection, added, merged)
        leaderboards = self._catalogue.leaderboards_over
        ranked = {key for key in added if (Scope(key.scope, key.scope_id), key.schedule) in leaderboards}
        by_tallies = self._ranked(merged)
        by_points: Mapping[StandingKey, Standing] = {}
        if ranked:
            stored = standings.merge(connection, added)
            by_points = {key: standing for key, standing in stored.items() if key in ranked}
        elif added:
            standings.add(connection, added)
        if not by_tallies and not by_points:
            return None
        players = {tally.user_id for tally in by_tallies}.union(key.user_id for key in by_points)
        return ScoreChanges(journal.insert(connection, sorted(players)), by_tallies, by_points)

    def _note_counted(
        self, connection: Connection, added: Collection[StandingKey], merged: Sequence[MergedTally]
    ) -> None:
        """Note the players of whom a challenge may count more than before."""
        changed = {key.user_id for key in added} | self._reassigned
        begun = [tally for tally in merged if tally.has_begun]
        if begun:
            counted = self._catalogue.goals_by_tally
            changed.update(tally.user_id for tally in begun if (tally.stat, tally.schedule) in counted)
        note_changed(connection, CHALLENGE_COUNT, changed)
        credited = self._catalogue.credited_from_assignment
        if credited:
            tallies_before = [
                (tally.user_id, goal.id, tally.before.judged_by(goal.counting))
                for tally in merged
                for goal in credited.get((tally.stat, tally.schedule), ())
            ]
            note_first_credited(connection, CHALLENGE_COUNT, tallies_before)

    def _ranked(self, merged: Sequence[MergedTally]) -> list[TallyState]:
        leaderboards = self._catalogue.leaderboards_over
        if not leaderboards:
            return []
        return [tally.state for tally in merged if (tally.stat, tally.schedule) in leaderboards]

    def _add_completed(self, completed: Mapping[CompletionKey, Caused]) -> None:
        for key, each in completed.items():
            self._completed.append(self._catalogue.goals[key.goal_id].challenge_id)
            self._add(completion_parts(key.user_id, each.record, self._catalogue.points_schedules))

    def _add(self, parts: Parts) -> None:
        self._parts += parts


def release_claim(
    connection: Connection,
    key: CompletionKey,
    claim_number: int,
    reward_number: int,
    held: completions.HeldClaim | None,
) -> None:
    """Make a reward of a locked completion claimable again, if it is held by this claim."""
    if held is None or held.claim_time is None:
        return
    released = completions.release(connection, key, claim_number, reward_number, reopened=held.reopened)
    # A goal counts as claimed while any of its rewards is.
    if released is not None and released.claim_time is None:
        taken_back = claim_parts(key.user_id, held.challenge_id, held.tags, held.claim_time, number=-1)
        standings.merge(connection, add_up(taken_back))
        note_changed(connection, CHALLENGE_COUNT, [key.user_id])
