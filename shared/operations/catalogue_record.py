"""The record of the catalogues that ran on a database: what a goal id stood for once, it stands for for ever."""

from __future__ import annotations

from shared.catalogue.compatibility import identity_changes
from shared.catalogue.problem import CatalogueInvalid, Problem
from shared.domain.catalogue import Catalogue
from shared.domain.identity import identity_of
from shared.domain.instant import Instant
from shared.postgres import catalogue_record
from shared.postgres.connection import Connection
from shared.postgres.database import Database


def record_catalogue(database: Database, catalogue: Catalogue, now: Instant, deadline: float) -> None:
    """Record that a catalogue runs from now on; recording it again changes nothing.

    Raises `CatalogueInvalid` with everything that contradicts what ran here before, and then records nothing: the ids
    of goals that never ran stay free. Of two processes that define one new goal differently, the one that comes second
    is refused. Raises `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """
    identities = {goal.id: identity_of(goal) for goal in catalogue.goals.values()}

    def store_record(connection: Connection) -> None:
        # Inserted before they are compared: what another process is about to record is waited for, and seen.
        catalogue_record.insert_missing_identities(connection, identities)
        problems = _conflicts(connection, catalogue)
        if problems:
            raise CatalogueInvalid(problems)
        catalogue_record.insert_version(connection, catalogue.version, now)

    database.transact(store_record, deadline)


def conflicts_with_record(database: Database, catalogue: Catalogue, deadline: float) -> list[Problem]:
    """Why the catalogue may not run here, given what ran before; empty if it may. Records nothing.

    Raises `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """
    return database.autocommit(lambda connection: _conflicts(connection, catalogue), deadline)


def _conflicts(connection: Connection, catalogue: Catalogue) -> list[Problem]:
    return identity_changes(catalogue_record.read_identities(connection, catalogue.goals), catalogue)
