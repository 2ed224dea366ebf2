"""Pools under reload: the selections of periods that have begun never change, except for goals that are removed."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.catalogue import Catalogue, Challenge
from shared.domain.goal import Goal
from shared.domain.instant import DAY, HOUR, Instant
from shared.domain.pools import DatedVersion, Pool
from shared.domain.schedules import DAILY
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.catalogue.pool_record import drawn_by, since_period, with_current, with_pools
from shared.postgres.catalogue import pool_record
from shared.postgres.database import Database
from tests.support.databases import soon
from tests.support.goals import CHALLENGE_ID, goal
from tests.support.strategies import FIRST_DAY

NOW: Instant = FIRST_DAY * DAY
SECRET = b"0123456789abcdef0123456789abcdef"
PLAYERS = ("ana", "bob", "eve")

members = st.builds(
    lambda number, weight, joins, suspended: replace(
        goal(f"goal {number}", default_assigned=False, schedule=DAILY),
        in_pool=True,
        weight=weight,
        joins=joins,
        suspended=suspended,
    ),
    st.integers(0, 7),
    st.integers(1, 3),
    st.just(0) | st.integers(-3, 6).map(lambda day: NOW + day * DAY),
    st.booleans(),
)
definitions = st.builds(
    lambda goals, select, no_repeat: pool_of(goals, Pool(min(select, len(goals)), no_repeat)),
    st.lists(members, min_size=1, max_size=8, unique_by=lambda member: member.id),
    st.integers(1, 4),
    st.integers(0, 2),
)


def pool_of(goals: list[Goal], pool: Pool) -> Catalogue:
    """Return a catalogue with one pool."""
    return Catalogue("by hand", (Challenge(CHALLENGE_ID, "Arena", "", tuple(goals), pool),))


def selection(catalogue: Catalogue, user_id: str, start: Instant) -> tuple[str, ...]:
    """Return the goals that a player has in the period that begins then."""
    assert catalogue.pools is not None
    return catalogue.pools.selection(catalogue.pools.by_challenge[CHALLENGE_ID], user_id, start)


@given(st.lists(st.tuples(definitions, st.integers(0, 30)), min_size=2, max_size=5))
def test_a_reload_changes_no_period_that_has_begun_except_for_removed_goals(
    reloads: list[tuple[Catalogue, int]],
) -> None:
    recorded: list[DatedVersion] = []
    earlier: Catalogue | None = None
    removed: set[str] = set()
    now = NOW
    for definition, hours in reloads:
        now += hours * HOUR
        recorded = list(with_current(recorded, definition.challenges[0], now))
        catalogue = drawn_by(definition, SECRET, {CHALLENGE_ID: recorded})
        if earlier is not None:
            removed |= earlier.goals.keys() - catalogue.goals.keys()
            for start in range(NOW - 2 * DAY, now + 1, DAY):
                for user_id in PLAYERS:
                    assert_stable(earlier, catalogue, user_id, start, removed)
        earlier = catalogue


def assert_stable(before: Catalogue, after: Catalogue, user_id: str, start: Instant, removed: set[str]) -> None:
    """Check that a reload keeps a selection. `removed` are all goals that were ever removed."""
    had, has = selection(before, user_id, start), selection(after, user_id, start)
    if (set(has) - set(had)) & removed:
        # A goal that comes back takes its place again.
        return
    remaining = [goal_id for goal_id in had if goal_id in after.goals]
    assert [goal_id for goal_id in has if goal_id in had] == remaining
    assert len(remaining) < len(had) or has == had


@given(definitions, definitions)
def test_a_change_holds_from_the_first_period_that_begins_after_it(before: Catalogue, after: Catalogue) -> None:
    versions = with_current(with_current([], before.challenges[0], NOW), after.challenges[0], NOW + HOUR)
    both = drawn_by(after, SECRET, {CHALLENGE_ID: versions})
    alone = drawn_by(after, SECRET, {CHALLENGE_ID: with_current([], after.challenges[0], NOW)})
    for user_id in PLAYERS:
        assert selection(both, user_id, NOW + DAY) == selection(alone, user_id, NOW + DAY)


@given(st.lists(st.integers(0, 50), unique=True, min_size=1), st.integers(-5, 55))
def test_only_versions_that_a_later_period_may_need_are_kept(sinces: list[int], start: int) -> None:
    version = with_current([], pool_of([goal()], Pool(1)).challenges[0], 0)[0].version
    versions = [DatedVersion(since, version) for since in sorted(sinces)]
    kept = since_period(versions, start)
    assert kept == versions[-len(kept) :]
    assert kept[0].since < start or kept == versions
    assert all(each.since >= start for each in kept[1:])


def daily_pool(*weights: int) -> Catalogue:
    """Return a catalogue with a pool of goals with these weights."""
    goals = [
        replace(goal(f"goal {number}", default_assigned=False, schedule=DAILY), in_pool=True, weight=weight)
        for number, weight in enumerate(weights)
    ]
    return pool_of(goals, Pool(1))


def test_each_change_is_recorded_once_and_forgotten_when_no_period_needs_it(database: Database) -> None:
    def recorded() -> list[Instant]:
        found = database.autocommit(lambda connection: pool_record.read_versions(connection, [CHALLENGE_ID]), soon())
        return [each.since for each in found[CHALLENGE_ID]]

    for catalogue, now in ((daily_pool(1), 0), (daily_pool(1), 1), (daily_pool(2), 2), (daily_pool(3), 2)):
        with_pools(database, catalogue, NOW + now, soon())
    assert recorded() == [NOW, NOW + 2, NOW + 3]
    with_pools(database, daily_pool(4), NOW + 100 * DAY, soon())
    assert recorded() == [NOW + 3, NOW + 100 * DAY]


def test_processes_draw_the_same(database: Database) -> None:
    catalogue = daily_pool(1, 2, 3, 4)
    first, second = (record_catalogue(database, catalogue, NOW + hours * HOUR, soon()) for hours in (0, 5))
    drawn = [{selection(each, f"player {number}", NOW) for number in range(50)} for each in (first, second)]
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == 4
    assert all(selection(first, user, NOW) == selection(second, user, NOW) for user in PLAYERS)


def test_a_catalogue_without_pools_reads_nothing(database: Database) -> None:
    catalogue = Catalogue("by hand", (Challenge(CHALLENGE_ID, "Arena", "", (goal(),)),))
    assert with_pools(database, catalogue, NOW, deadline=0.0) is catalogue
