"""Completions that no event has stored: a reload satisfied the goal, by a lower target for example.

They are shown as completed, and would be lost at the end of their period. A call that writes anyway stores them.
"""

from __future__ import annotations

from shared.domain.catalogue import Catalogue
from shared.domain.current_periods import CurrentPeriods
from shared.domain.events import CompletionKey
from shared.domain.grants import Granting
from shared.domain.instant import Instant
from shared.domain.progress import PlayerView
from shared.domain.standings import CompletionRecord, record_of
from shared.domain.unstored import unclaimed_completions, unstored_completions
from shared.operations.statistics.standing_changes import StandingChanges
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import players
from shared.postgres.rewards.auto_claims import Candidates


def keep_completions(
    database: Database,
    catalogue: Catalogue,
    user_id: str,
    view: PlayerView,
    current: CurrentPeriods,
    now: Instant,
    deadline: float,
    granting: Granting,
) -> PlayerView:
    """Store what the view shows as completed, claim what is claimed automatically, and return the resulting view.

    `view` is the player in the `current` periods, in which alone this happens. Where nothing is missing, as nearly
    always, the database is not called.

    Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """

    def store(connection: Connection) -> PlayerView:
        seen = players.read(connection, user_id, current).view
        changes = StandingChanges(catalogue, now, granting)
        records = _missing(catalogue, user_id, seen)
        if records:
            changes.complete_reached(connection, records)
        claimable = unclaimed_completions(catalogue, seen)
        starts = [(goal.id, period.start) for goal in claimable if (period := seen.period_of(goal)) is not None]
        if starts:
            changes.unlock(connection, [Candidates(user_id, goal_id, start, start) for goal_id, start in starts])
        changes.store(connection)
        return players.read(connection, user_id, current).view

    if not unstored_completions(catalogue, view) and not unclaimed_completions(catalogue, view):
        return view
    return database.transact(store, deadline)


def _missing(catalogue: Catalogue, user_id: str, view: PlayerView) -> dict[CompletionKey, CompletionRecord]:
    """Return the completions that the view shows and that are not stored."""
    records: dict[CompletionKey, CompletionRecord] = {}
    for goal, occurrence in unstored_completions(catalogue, view):
        period, assignment = view.period_of(goal), view.assignments.get(goal.id)
        if period is not None:
            active_since = assignment.active_since if assignment is not None else None
            key = CompletionKey(user_id, goal.id, period.start, occurrence)
            records[key] = record_of(goal, None, active_since, period.start, occurrence)
    return records
