"""Corrections of one goal of one player by operators: complete it, take its completion back, or begin it from zero.

A reward is granted once, whatever operators do: the claim of a completion that is taken back stands, and belongs to the
completion again when the goal is completed again. Whoever wants to grant it a second time refunds the claim first.
Goals over goals that the completion had moved stay completed themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from shared.domain.cascades import Feed, fold_feeds, tally_of
from shared.domain.catalogue import Catalogue
from shared.domain.current_periods import current_periods
from shared.domain.events import CompletionKey
from shared.domain.goal import Goal, Source
from shared.domain.instant import Instant
from shared.domain.operator_acts import Acting, ActKind, OperatorAct
from shared.domain.player_view import PlayerView
from shared.domain.schedules import LIFETIME
from shared.domain.standings import record_of
from shared.domain.tally import TallyKey
from shared.domain.unstored import unstored_completions
from shared.operations.goals.known_player import require_known_player
from shared.operations.statistics.recalculate import rebuild_within
from shared.operations.statistics.standing_changes import StandingChanges
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.events import tallies
from shared.postgres.goals import completions, players, settled_completions
from shared.postgres.leaderboards import ranking_refresh
from shared.postgres.operators import goal_support, operator_audit
from shared.postgres.operators.goal_support import TakenBack, TakenTally
from shared.postgres.player_sweeps import CHALLENGE_COUNT, note_changed


class SupportRefused(Exception):
    """The correction is not possible; the message says why, and what to do instead."""


class Corrected(NamedTuple):
    """The outcome of a correction."""

    audit_id: int
    """The row of the audit, by which it can be undone."""
    period_start: Instant
    occurrences: Sequence[int]
    """The completions that it stored or took back."""
    caused: Sequence[CompletionKey] = ()
    """Other goals that it completed in turn."""


Work = Callable[[Connection], Corrected]


def perform(database: Database, work: Work, deadline: float, *, dry: bool) -> Corrected:
    """Do the work in a transaction, and return its outcome. With `dry` nothing is stored.

    Raise `SupportRefused`, `PlayerUnknown`, and what the database raises.
    """
    found: list[Corrected] = []

    def attempt(connection: Connection) -> Corrected:
        found[:] = [work(connection)]
        return found[0]

    while True:
        try:
            if dry:
                database.rehearse(attempt, deadline)
            else:
                database.transact(attempt, deadline, written=_is_noted)
        except _StandingAdded:
            continue
        return found[0]


def _is_noted(connection: Connection, _transaction_id: int, corrected: Corrected) -> bool:
    return operator_audit.find(connection, corrected.audit_id) is not None


class _StandingAdded(Exception):
    """A concurrent completion added a standing that was not locked."""


class GoalSupport(NamedTuple):
    """Corrections of a goal of a player, each in a transaction of its own."""

    catalogue: Catalogue
    user_id: str
    goal: Goal
    acting: Acting
    period_at: Instant | None = None
    """An instant of the period; None for the current one."""
    undoes: int | None = None
    """The row of the audit that is undone, if it is one."""

    def complete(self, connection: Connection, occurrence: int | None) -> Corrected:
        """Complete the goal as of now; without an occurrence, the first that is not completed."""
        _, start = self._read(connection)
        stored = self._stored(connection, start)
        wanted = occurrence or next((n for n in range(1, self.goal.steps + 1) if n not in stored), None)
        if wanted is None or wanted in stored or wanted > self.goal.steps:
            raise SupportRefused("it is completed already" if wanted else "all its occurrences are completed already")
        key = CompletionKey(self.user_id, self.goal.id, start, wanted)
        changes = StandingChanges(self.catalogue, self.acting.time)
        # No activation: how long it took is not known.
        record = record_of(self.goal, self.acting.time, None, start, wanted)
        done = changes.complete_unclaimed(connection, {key: record})
        changes.store(connection)
        caused = [each for each in done if each != key]
        details = {"occurrences": [wanted], "completed_in_turn": [each._asdict() for each in caused]}
        return Corrected(self._note(connection, ActKind.GOAL_COMPLETE, start, details), start, [wanted], caused)

    def reopen(self, connection: Connection, occurrence: int | None) -> Corrected:
        """Take the completions of the goal back, or one of them. Progress stays."""
        _, start = self._read(connection)
        taken = self._take(connection, start, occurrence)
        if not taken:
            raise SupportRefused("it is not completed")
        view, _ = self._read(connection)
        current = view.period_of(self.goal)
        is_current = current is not None and current.start == start
        if is_current and any(rung.goal.id == self.goal.id for rung in unstored_completions(self.catalogue, view)):
            raise SupportRefused("its tally has reached the target, so it would be completed at once: reset it instead")
        details = {"taken_back": [each._asdict() for each in taken]}
        return self._finish(connection, ActKind.GOAL_REOPEN, start, details, taken)

    def reset(self, connection: Connection, *, with_others: bool) -> Corrected:
        """Take the completions of the goal back, and begin its tally from zero."""
        _, start = self._read(connection)
        others = self._others()
        if others and not with_others:
            raise SupportRefused(f"its tally is also that of {', '.join(others)}: their progress would be lost, too")
        taken = self._take(connection, start, None)
        key = self._tally(start)
        tally = goal_support.take_tally(connection, key, self._credited())
        if not taken and (tally is None or not tally.measures["events"]):
            raise SupportRefused("there is no progress")
        goal_support.distrust_boards(connection, key)
        details = {"taken_back": [each._asdict() for each in taken], "tally": tally and tally._asdict()}
        return self._finish(connection, ActKind.GOAL_RESET, start, details, taken)

    def restore(self, connection: Connection, occurrences: Collection[int], tally: TakenTally | None) -> Corrected:
        """Undo `reopen` or `reset`: store these completions again, and add the deleted tally to what was counted since.

        Raise `SupportRefused` if one was completed again since.
        """
        _, start = self._read(connection)
        kept = goal_support.read_reopened(connection, self.user_id, self.goal.id, start)
        records = {key: record for key, record in kept.items() if key.occurrence in occurrences}
        if len(records) < len(occurrences):
            raise SupportRefused("it has been completed again since")
        if tally is not None:
            key = self._tally(start)
            tallies.merge(connection, {key: tally.tally()})
            goal_support.return_values(connection, key, tally.value_hashes)
            goal_support.return_baselines(connection, key, tally, self._credited())
            goal_support.distrust_boards(connection, key)
        changes = StandingChanges(self.catalogue, self.acting.time)
        done = changes.complete_unclaimed(connection, records)
        changes.store(connection)
        details = {"restored": sorted(occurrences)}
        audit_id = self._note(connection, ActKind.GOAL_UNDO, start, details)
        return Corrected(audit_id, start, sorted(occurrences), [key for key in done if key not in records])

    def _read(self, connection: Connection) -> tuple[PlayerView, Instant]:
        """Lock the tallies that completions of the goal change, and return the player and the start of the period.

        None of the player's completions are packed or unpacked by others until the transaction ends.
        """
        require_known_player(connection, self.user_id)
        settled_completions.hold(connection, [self.user_id])
        for stat in self.catalogue.cascades.locked_with([self.goal]):
            tallies.lock(connection, self.user_id, stat)
        view = players.read(connection, self.user_id, current_periods(self.catalogue, self.acting.time)).view
        instant = self.acting.time if self.period_at is None else self.period_at
        period = self.goal.schedule.of_player(view.zones).shown_at(instant)
        if period is None:
            raise SupportRefused("the goal has no period at that time")
        return view, period.start

    def _stored(self, connection: Connection, start: Instant) -> Mapping[int, Any]:
        found = completions.read_of_goals(connection, self.user_id, [start], [self.goal.id])
        return found.get(start, {}).get(self.goal.id, {})

    def _take(self, connection: Connection, start: Instant, occurrence: int | None) -> list[TakenBack]:
        keys = [
            CompletionKey(self.user_id, self.goal.id, start, each)
            for each in self._stored(connection, start)
            if occurrence in (None, each)
        ]
        if keys:
            settled_completions.unpack_named(connection, keys)
        taken = goal_support.take_completions(connection, self.user_id, self.goal.id, start, occurrence)
        goal_support.subtract(connection, self.user_id, self._fed(connection, start, taken))
        return taken

    def _fed(self, connection: Connection, start: Instant, taken: Sequence[TakenBack]) -> Mapping[TallyKey, Any]:
        """Return what the completions had added to tallies of goals over goals."""
        zones = {self.user_id: players.read(connection, self.user_id).view.zones}
        instant = None if self.goal.schedule == LIFETIME else start
        feeds = [
            Feed(self.user_id, stat, each.points if stat.source is Source.POINTS else 0, instant, each.complete_time)
            for stat in self.catalogue.cascades.fed_by.get(self.goal.id, ())
            for each in taken
        ]
        folded = fold_feeds(feeds, self.catalogue.tally_schedules, zones)
        return {key: tally_of(each) for key, each in folded.items()}

    def _tally(self, start: Instant) -> TallyKey:
        return TallyKey(self.user_id, self.goal.stat, self.goal.schedule.text, start)

    def _credited(self) -> Sequence[Goal]:
        """Return the goals over the tally that count from their activation on."""
        return self.catalogue.credited_from_assignment.get((self.goal.stat, self.goal.schedule.text), ())

    def _others(self) -> list[str]:
        """Return the other goals and leaderboards that see the tally."""
        goal = self.goal
        goals = [each.id for each in self.catalogue.goals.values() if each.stat == goal.stat]
        boards = [board.id for board in self.catalogue.leaderboards_over.get((goal.stat, goal.schedule.text), ())]
        same = [each for each in goals if each != goal.id and self.catalogue.goals[each].schedule == goal.schedule]
        return [*same, *boards]

    def _finish(
        self,
        connection: Connection,
        kind: ActKind,
        start: Instant,
        details: Mapping[str, Any],
        taken: Sequence[TakenBack],
    ) -> Corrected:
        # Locks standings, as the last of all.
        if rebuild_within(connection, self.catalogue, self.user_id) is None:
            raise _StandingAdded
        return Corrected(self._note(connection, kind, start, details), start, [each.occurrence for each in taken])

    def _note(self, connection: Connection, kind: ActKind, start: Instant, details: Mapping[str, Any]) -> int:
        note_changed(connection, CHALLENGE_COUNT, [self.user_id])
        ranking_refresh.note(connection, [self.user_id])
        where: dict[str, Any] = {"goal_id": self.goal.id, "period_start": start}
        if self.undoes is not None:
            where["undoes"] = self.undoes
        return operator_audit.note(connection, OperatorAct(kind, self.acting, self.user_id, {**where, **details}))
