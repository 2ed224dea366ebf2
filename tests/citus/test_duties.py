"""Duties over many players on a cluster do what they do on one node."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.claims import ClaimState
from shared.domain.events import Event
from shared.domain.instant import DAY, HOUR
from shared.domain.schedules import DAILY
from shared.operations.events.prune_tallies import TallyPruning
from shared.operations.goals import pack_completions
from shared.operations.goals.pack_completions import CompletionPacking
from shared.operations.rewards import grant_admin
from shared.operations.rewards.find_claims import list_claims
from shared.operations.rewards.retain_claims import ClaimRetention
from shared.operations.statistics.recalculate import recalculate
from shared.postgres.distribution import doubt
from shared.postgres.distribution.doubt import NodeAway
from shared.postgres.goals import settled_completions
from shared.runtime.clock import system_clock
from tests.support.citus import CitusServer, a_prepared_transaction
from tests.support.completion_retention import CATALOGUE, LATER, claim_daily, completed, play, retention, settle
from tests.support.databases import connected, flushed, opened, soon
from tests.support.goals import catalogue_of, goal
from tests.support.grant_moves import grants_by_table, let_grants_move, move_all
from tests.support.packing import completions_by_table
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


def test_completions_are_carried_forward_and_their_claims_go(claimed: str) -> None:
    with opened(claimed, pool_size=2) as database:
        claims = ClaimRetention(database, 400 * DAY, 400 * DAY, lambda _: False)
        assert claims.one_pass(LATER) == 0, "their completions are there"
        assert retention(database).one_pass(CATALOGUE, LATER) == 4 * len(PLAYERS)
        assert retention(database).one_pass(CATALOGUE, LATER) == 0
        assert claims.one_pass(LATER) == len(PLAYERS)
        assert claims.one_pass(LATER) == 0
        assert recalculate(database, CATALOGUE, PLAYERS, soon()) == []
        assert grant_admin.report(database, soon()).agrees
    assert set(completed(claimed)) == {("ever", 0)}
    sums = "SELECT goal_id, count(*), sum(completed)::int, sum(claimed)::int, sum(granted)::int FROM carried_completion"
    assert rows(claimed, f"{sums} GROUP BY goal_id ORDER BY goal_id") == [
        ("daily", len(PLAYERS), 3 * len(PLAYERS), len(PLAYERS), len(PLAYERS)),
        ("weekly", len(PLAYERS), len(PLAYERS), 0, 0),
    ]


def test_claimed_completions_are_packed_on_every_node(claimed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_completions, "FEWEST", 1)
    monkeypatch.setattr(pack_completions, "FEWEST_IN_ROW", 1)
    packed: list[int] = []
    with opened(claimed, pool_size=2) as database:
        duty = CompletionPacking(database, DAY, "a test", lambda: LATER, on_packed=packed.append)
        duty.one_pass(CATALOGUE)
        assert packed == [1] * len(PLAYERS)
        assert completions_by_table(claimed) == (4 * len(PLAYERS), len(PLAYERS))
        assert retention(database).one_pass(CATALOGUE, LATER) == 4 * len(PLAYERS)
    assert completions_by_table(claimed) == (len(PLAYERS), 0)


def test_unpacking_waits_for_packing_that_a_node_has_not_committed(
    claimed: str, citus_server: CitusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doubt, "DOUBT_MAX_S", 0.2)
    name = claimed.rpartition("/")[2]
    with connected(claimed) as connection:
        with a_prepared_transaction(citus_server.named(name, citus_server.workers[0])), pytest.raises(NodeAway):
            settled_completions.unpack(connection, PLAYERS)
        assert settled_completions.unpack(connection, PLAYERS) == 0


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
