"""The identity of a goal id never changes, also across restarts and concurrent processes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.catalogue.problem import CatalogueInvalid
from shared.domain.catalogue import Catalogue
from shared.domain.goal import LOGIN, Counting, Goal, Source, Stat
from shared.domain.instant import DAY, HOUR
from shared.domain.recurrence import Every, Recurrence
from shared.domain.schedules import Schedule, Season, SeasonRun
from shared.operations.catalogue.catalogue_record import conflicts_with_record, record_catalogue, record_warnings
from shared.operations.catalogue.catalogue_watch import RECORD_DEADLINE_S
from shared.postgres.database import Database
from shared.postgres.events import event_horizons
from tests.support.databases import opened, soon
from tests.support.goals import catalogue_of, goal
from tests.support.leaderboards import board
from tests.support.services import NOW, rows
from tests.support.strategies import QUOTED

WIN = goal("win", counting=Counting.SUM)
OTHERWISE = goal("win", counting=Counting.HIGHEST)
MANY = 10_000


def version_of(name: str, *goals: Goal) -> Catalogue:
    """Return a catalogue of these goals with this version."""
    return Catalogue(name, catalogue_of(*goals).challenges)


def problems_of(database: Database, catalogue: Catalogue) -> list[str]:
    """Return why the catalogue is refused; empty if it was recorded."""
    try:
        record_catalogue(database, catalogue, NOW, soon())
    except CatalogueInvalid as invalid:
        return list(map(str, invalid.problems))
    return []


def versions(database_url: str) -> list[str]:
    return [version for (version,) in rows(database_url, "SELECT version FROM catalogue_version ORDER BY 1")]


def identities(database_url: str) -> dict[str, tuple[str, ...]]:
    found = rows(database_url, "SELECT goal_id, source, stat_code, counting, schedule FROM goal_identity")
    return {goal_id: tuple(identity) for goal_id, *identity in found}


def test_a_version_and_its_goals_are_recorded_once(database: Database, database_url: str) -> None:
    login = goal("login", stat=LOGIN, counting=Counting.DAYS)
    quoted = goal("'\\\"{}", stat=QUOTED, counting=Counting.LATEST)
    first = version_of("first", WIN, login, quoted)
    record_catalogue(database, first, NOW, soon())
    record_catalogue(database, first, NOW + 1, soon())
    assert identities(database_url) == {
        "win": ("stat", "kills", "sum", "lifetime"),
        "login": ("login", "", "days", "lifetime"),
        "'\\\"{}": ("stat", QUOTED.code, "latest", "lifetime"),
    }
    recorded = "SELECT version, (date_part('epoch', first_run_time) * 1000000)::bigint FROM catalogue_version"
    assert rows(database_url, recorded) == [("first", NOW)]


def test_a_goal_with_another_identity_is_refused_and_nothing_is_recorded(database: Database, database_url: str) -> None:
    record_catalogue(database, version_of("first", WIN), NOW, soon())
    wrong = version_of("wrong", goal("new", target=1), goal("win", stat=LOGIN, counting=Counting.DAYS))
    before = identities(database_url)
    expected = [
        f"goal 'win': {change}: a goal id is permanent, give the changed goal a new id"
        for change in (
            "source changes from stat to login",
            "stat changes from 'kills' to none",
            "count changes from sum to days",
        )
    ]
    assert [str(problem) for problem in conflicts_with_record(database, wrong, NOW, soon())] == expected
    assert problems_of(database, wrong) == expected
    assert (identities(database_url), versions(database_url)) == (before, ["first"])
    put_right = version_of("right", goal("new", counting=Counting.DAYS), WIN)
    assert problems_of(database, put_right) == [], "the id of a goal that never ran stays free"


def test_all_but_the_identity_may_change(database: Database, database_url: str) -> None:
    record_catalogue(database, version_of("first", WIN), NOW, soon())
    changed = goal("win", target=99, default_assigned=False)
    assert problems_of(database, version_of("second", changed)) == []
    assert versions(database_url) == ["first", "second"]


def test_a_removed_goal_keeps_its_identity(database: Database) -> None:
    record_catalogue(database, version_of("first", WIN), NOW, soon())
    record_catalogue(database, version_of("second", goal("other")), NOW, soon())
    assert problems_of(database, version_of("third", goal("other"), OTHERWISE)) != []
    assert problems_of(database, version_of("fourth", goal("other"), WIN)) == []


@pytest.mark.parametrize(("earlier", "later"), [("Zo\u00eb", "Zoe\u0308"), ("win", "win\u200b"), ("win ", "win")])
def test_ids_that_look_like_recorded_ones_are_reported(database: Database, earlier: str, later: str) -> None:
    old, new = (
        Catalogue(name, catalogue_of(goal(text, stat=Stat(Source.STAT, text))).challenges, leaderboards=(board(text),))
        for name, text in (("old", earlier), ("new", later))
    )
    record_catalogue(database, old, NOW, soon())
    assert record_warnings(database, old, NOW, soon()) == (), "an id does not look like itself"
    expected = [
        f"{kind} {later!a}: looks like {kind} {earlier!a} of an earlier catalogue, but is another one"
        for kind in ("goal", "leaderboard", "stat")
    ]
    assert [str(warning) for warning in record_warnings(database, new, NOW, soon())] == expected
    record_catalogue(database, new, NOW, soon())
    assert [str(warning) for warning in record_warnings(database, new, NOW, soon())] == expected, (
        "also while it is in use"
    )


def test_a_record_written_by_another_release_is_compared_unchanged(database: Database, database_url: str) -> None:
    record_catalogue(database, version_of("first", WIN), NOW, soon())
    rows(database_url, "UPDATE goal_identity SET counting = 'streak', schedule = 'day/UTC' RETURNING goal_id")
    assert [problem.split(":")[1].strip() for problem in problems_of(database, version_of("first", WIN))] == [
        "count changes from streak to sum",
        "schedule changes from day/UTC to lifetime",
    ]


@pytest.mark.parametrize("round_number", range(5))
def test_processes_with_one_catalogue_all_run_if_they_start_at_once(database_url: str, round_number: int) -> None:
    shared = [goal(f"goal {number}") for number in range(200)]
    one = version_of("one", *shared, WIN)
    other = version_of("other", *reversed(shared), OTHERWISE)

    def start(catalogue: Catalogue) -> list[str]:
        with opened(database_url, pool_size=1) as database:
            return problems_of(database, catalogue)

    starting: Sequence[Catalogue] = [one, other] * 4 if round_number % 2 else [one] * 4 + [other] * 4
    with ThreadPoolExecutor(len(starting)) as processes:
        refused = list(zip(starting, processes.map(start, starting), strict=True))
    runs = {catalogue.version for catalogue, problems in refused if not problems}
    assert len(runs) == 1
    assert versions(database_url) == sorted(runs)
    assert all((catalogue.version in runs) == (not problems) for catalogue, problems in refused)


def test_the_largest_catalogue_is_recorded_within_the_time_limit(database: Database) -> None:
    catalogue = version_of("large", *(goal(f"goal {number}") for number in range(MANY)))
    record_catalogue(database, catalogue, NOW, soon(RECORD_DEADLINE_S))
    record_catalogue(database, catalogue, NOW, soon(RECORD_DEADLINE_S))


def with_winter(*runs: SeasonRun) -> Catalogue:
    """Return a catalogue with a season of these runs."""
    return Catalogue(f"winter {runs}", catalogue_of(WIN).challenges, seasons=(Season("winter", runs),))


def recorded_runs(database_url: str) -> list[tuple[int, int]]:
    found = rows(database_url, "SELECT microseconds(start_time), microseconds(end_time) FROM season_run ORDER BY 1")
    return [(start, end) for start, end in found]


def test_the_runs_of_seasons_are_recorded_and_only_what_is_ahead_changes(database: Database, database_url: str) -> None:
    begun, ahead = SeasonRun(NOW - DAY, NOW + DAY), SeasonRun(NOW + 9 * DAY, NOW + 10 * DAY)
    longer, later = SeasonRun(NOW - DAY, NOW + 2 * DAY), SeasonRun(NOW + 20 * DAY, NOW + 21 * DAY)
    assert problems_of(database, with_winter(begun, ahead)) == []
    assert problems_of(database, with_winter(longer, later)) == []
    assert recorded_runs(database_url) == [longer, later]
    (missing,) = problems_of(database, with_winter(later))
    assert "is missing, but it has begun" in missing
    (ended,) = problems_of(database, with_winter(SeasonRun(NOW - DAY, NOW)))
    assert "must be an hour ahead" in ended
    assert problems_of(database, version_of("without seasons", WIN)) == []
    assert recorded_runs(database_url) == [longer, later]
    assert [str(each) for each in conflicts_with_record(database, with_winter(later), NOW, soon())] == [missing]


def test_a_claim_grace_shorter_than_the_horizon_is_reported(database: Database) -> None:
    daily = Schedule(Recurrence(Every.DAY), id="daily", claim_grace=7 * DAY)
    catalogue = Catalogue("daily", catalogue_of(WIN).challenges, schedules=(daily,))
    database.autocommit(lambda connection: event_horizons.renew(connection, 7 * DAY - HOUR), soon())
    assert record_warnings(database, catalogue, NOW, soon()) == ()
    database.autocommit(lambda connection: event_horizons.renew(connection, 7 * DAY), soon())
    (warning,) = record_warnings(database, catalogue, NOW, soon())
    assert str(warning).startswith("schedule 'daily': claim_grace is shorter than the accepted age of events")
