"""Duties over many players on a cluster: those that work, and those that are refused without harm."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.claims import ClaimState
from shared.domain.events import Event
from shared.domain.instant import DAY, HOUR
from shared.domain.schedules import DAILY
from shared.operations.events.prune_tallies import TallyPruning
from shared.operations.rewards.find_claims import list_claims
from shared.operations.rewards.retain_claims import ClaimRetention
from shared.postgres.distribution.placement import RefusedWhereDistributed
from shared.runtime.clock import system_clock
from tests.support.completion_retention import CATALOGUE, LATER, claim_daily, play, retention, settle
from tests.support.databases import connected, flushed, opened, soon
from tests.support.goals import catalogue_of, goal
from tests.support.grant_moves import grants_by_table, let_grants_move, move_all
from tests.support.services import rows
from tests.support.strategies import FIRST_DAY, KILLS

PLAYERS = tuple(f"player {number}" for number in range(8))
"""Enough for players on every shard."""
NOW = (FIRST_DAY + 40) * DAY + HOUR
DAYS, DAYS_KEPT = 12, 8


@pytest.fixture
def claimed(citus_url: str) -> str:
    """Return a database in which each player has a settled claim of a past period."""
    with opened(citus_url, pool_size=2) as database:
        play(database, PLAYERS)
        for player in PLAYERS:
            claim_daily(database, player)
    settle(citus_url)
    with connected(citus_url) as connection:
        connection.execute("UPDATE reward_outbox SET settle_time = create_time")
    return citus_url


def test_tallies_of_past_periods_are_pruned_on_every_node(citus_url: str) -> None:
    catalogue = catalogue_of(replace(goal("daily", target=1), schedule=DAILY), goal("lifetime", target=1))
    with opened(citus_url, pool_size=2) as database:
        for day in range(DAYS):
            events = [Event(f"{day}", player, NOW - day * DAY, KILLS, delta=1) for player in PLAYERS]
            flushed(database, catalogue, events)
        pruning = TallyPruning(database, lambda _: False)
        assert pruning.one_pass(catalogue, 3 * DAY, NOW) == len(PLAYERS) * (DAYS - DAYS_KEPT)
        assert pruning.one_pass(catalogue, 3 * DAY, NOW) == 0
    assert rows(citus_url, "SELECT schedule, count(*), sum(sum) FROM tally GROUP BY schedule ORDER BY schedule") == [
        ("day/UTC", len(PLAYERS) * DAYS_KEPT, len(PLAYERS) * DAYS_KEPT),
        ("lifetime", len(PLAYERS), len(PLAYERS) * DAYS),
    ]


def test_settled_grants_move_and_their_claims_are_found(claimed: str) -> None:
    let_grants_move(claimed)
    with opened(claimed, pool_size=2) as database:
        assert move_all(database, LATER) == len(PLAYERS)
        assert grants_by_table(claimed) == (0, len(PLAYERS))
        assert move_all(database, LATER) == 0
        for player in PLAYERS:
            [claim] = list_claims(database, player, (), None, 10, soon())
            assert claim.state is ClaimState.GRANTED


def test_completions_and_claims_are_kept_whatever_is_set(claimed: str) -> None:
    before = kept(claimed)
    with opened(claimed, pool_size=2) as database:
        with pytest.raises(RefusedWhereDistributed, match="COMPLETION_RETENTION_D must be 0"):
            retention(database).one_pass(CATALOGUE, LATER)
        claims = ClaimRetention(database, 400 * DAY, 400 * DAY, lambda _: False)
        with pytest.raises(RefusedWhereDistributed, match="CLAIM_RETENTION_D must be 0"):
            claims.one_pass(LATER)
    assert kept(claimed) == before


def kept(url: str) -> list[tuple[object, ...]]:
    """Return the numbers of completions and of claims."""
    return rows(url, "SELECT (SELECT count(*) FROM completion), (SELECT count(*) FROM reward_claim)")


def test_old_audits_are_deleted(citus_url: str) -> None:
    with connected(citus_url) as connection:
        connection.execute(
            "INSERT INTO operator_audit (act_time, kind, reason)"
            " SELECT now() - age * interval '1 day', 'x', 'y' FROM unnest(ARRAY[500, 0]) AS age"
        )
        connection.execute("UPDATE operator_audit SET record_time = act_time")
    with opened(citus_url, pool_size=2) as database:
        ClaimRetention(database, 0, 450 * DAY, lambda _: False).one_pass(system_clock())
    assert rows(citus_url, "SELECT count(*) FROM operator_audit WHERE kind = 'x'") == [(1,)]
