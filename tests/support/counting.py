"""Counts of challenges in a test, at an instant."""

from __future__ import annotations

from collections.abc import Iterable

from shared.domain.catalogue import Catalogue
from shared.domain.instant import Instant
from shared.operations.player_sweep import PlayerSweep, SweepStep
from shared.operations.statistics.challenge_reports import count_work, read_challenge_reports
from shared.postgres.database import Database
from shared.postgres.player_sweeps import CHALLENGE_COUNT
from shared.postgres.statistics import challenge_reports
from shared.postgres.statistics.challenge_reports import ChallengeReport
from tests.support.databases import soon

FORGET = b"TRUNCATE changed_player, counted_player, challenge_total, player_sweep, challenge_report, challenge_count"


def count_challenges(database: Database, catalogue: Catalogue, now: Instant) -> bool:
    """Count everything that changed, and return whether reports changed."""
    sweep = PlayerSweep(database, CHALLENGE_COUNT, "a test", lambda: now)
    return sweep.one_pass(catalogue.version, count_work(catalogue, lambda: now))


def count_one_step(database: Database, catalogue: Catalogue, now: Instant, owner: str = "a test") -> SweepStep:
    """Take one step of the count as a process of this name."""
    sweep = PlayerSweep(database, CHALLENGE_COUNT, owner, lambda: now)
    work = count_work(catalogue, lambda: now)
    return database.transact(lambda connection: sweep.one_step(connection, catalogue.version, work), soon())


def forget_counts(database: Database) -> None:
    """Forget everything that was counted, so that the next count begins with a sweep."""
    database.autocommit(lambda connection: connection.run_script(FORGET), soon())


def numbers(found: Iterable[ChallengeReport]) -> list[ChallengeReport]:
    """Return the reports without the times of their counts."""
    return [report._replace(report_time=None) for report in found]


def reports(database: Database, catalogue: Catalogue) -> list[ChallengeReport]:
    """Return the figures of the catalogue's challenges as last counted."""
    return numbers(read_challenge_reports(database, list(catalogue.challenge_by_id), soon()))


def figures(database: Database) -> list[ChallengeReport]:
    """Return the reports on all challenges that ever were and have any figures."""
    found = database.autocommit(lambda connection: challenge_reports.read(connection, None), soon())
    return numbers(report for report in found if any(report[1:4]))
