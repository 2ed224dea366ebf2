"""The record of all catalogues that ran on a database. The meaning of an id never changes."""

from __future__ import annotations

from shared.catalogue.compatibility import identity_changes, leaderboard_identity_changes, tier_changes
from shared.catalogue.lookalikes import lookalikes_of_record
from shared.catalogue.problem import CatalogueInvalid, Problem, ProblemList
from shared.catalogue.season_changes import season_run_changes, short_claim_graces
from shared.domain.catalogue import Catalogue
from shared.domain.identity import goal_identity, leaderboard_identity, tier_ids
from shared.domain.instant import Instant
from shared.operations.catalogue.pool_record import record_pools
from shared.operations.leaderboards.leaderboard_periods import open_periods
from shared.postgres.catalogue import catalogue_record, season_record
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.events import event_horizons
from shared.postgres.leaderboards import leaderboard_periods


def record_catalogue(database: Database, catalogue: Catalogue, now: Instant, deadline: float) -> Catalogue:
    """Record that a catalogue is in use, and open the current and the next period of its leaderboards.

    Return the catalogue with `pools` set: the secret and the recorded versions from which goals are drawn.

    Recording it again changes nothing. Raise `CatalogueInvalid` with everything that contradicts earlier catalogues,
    and then record nothing: the ids of a refused catalogue stay free. If two processes define a new goal differently,
    the second one is refused. Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """
    identities = {goal.id: goal_identity(goal) for goal in catalogue.goals.values()}
    tiers = tier_ids(catalogue.goals.values())
    boards = {board.id: leaderboard_identity(board) for board in catalogue.leaderboards}

    def store_record(connection: Connection) -> Catalogue:
        # Insert before comparing: this waits for the transaction of another process, and then sees its rows.
        catalogue_record.insert_missing_identities(connection, identities)
        if tiers:
            catalogue_record.insert_missing_tiers(connection, tiers)
        leaderboard_periods.upsert(connection, boards, now)
        season_record.insert_missing_runs(connection, catalogue.seasons)
        problems = _conflicts(connection, catalogue, now)
        if problems:
            raise CatalogueInvalid(problems)
        season_record.replace_future(connection, catalogue.seasons, now)
        open_periods(connection, catalogue, now, now)
        catalogue_record.insert_version(connection, catalogue.version, now)
        return record_pools(connection, catalogue, now)

    return database.transact(store_record, deadline)


def conflicts_with_record(database: Database, catalogue: Catalogue, now: Instant, deadline: float) -> list[Problem]:
    """Return why the catalogue contradicts earlier ones; empty if it does not. Record nothing.

    Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """
    return database.autocommit(lambda connection: _conflicts(connection, catalogue, now), deadline)


def record_warnings(database: Database, catalogue: Catalogue, now: Instant, deadline: float) -> tuple[Problem, ...]:
    """Return which ids are easily confused with ids of earlier catalogues, and which claims end before late events.

    Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """
    recorded = database.autocommit(catalogue_record.read_ids, deadline)
    horizon = database.autocommit(lambda connection: event_horizons.in_force(connection, now), deadline)
    warnings = ProblemList(lookalikes_of_record(catalogue, recorded))
    warnings.add(short_claim_graces(catalogue, horizon))
    return warnings.reported()


def _conflicts(connection: Connection, catalogue: Catalogue, now: Instant) -> list[Problem]:
    goals = catalogue_record.read_identities(connection, catalogue.goals)
    in_tiers = [goal.id for goal in catalogue.goals.values() if goal.tiers]
    tiers = catalogue_record.read_tiers(connection, in_tiers) if in_tiers else {}
    boards = leaderboard_periods.read_identities(connection, catalogue.leaderboard_by_id)
    runs = season_record.read_runs(connection, [season.id for season in catalogue.seasons])
    return [
        *identity_changes(goals, catalogue),
        *tier_changes(tiers, catalogue),
        *leaderboard_identity_changes(boards, catalogue),
        *season_run_changes(runs, catalogue, now),
    ]
