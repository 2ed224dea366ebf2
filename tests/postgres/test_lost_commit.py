"""The reply to COMMIT is lost: the work counts once, and callers get its result."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.achieved import Achieved
from shared.domain.events import CompletionKey, Event, Outcome, Verdict
from shared.domain.instant import DAY, LIFETIME_START
from shared.domain.reward import ClaimMode
from shared.domain.schedules import DAILY
from shared.domain.tally import Tally, TallyKey
from shared.operations.goals.activate import set_goal_active
from shared.operations.rewards.claim import claim_reward
from shared.postgres.connection import Connection
from shared.postgres.events import tallies
from shared.postgres.goals import players
from shared.postgres.transaction import COMMITTED, IN_PROGRESS, status_of
from tests.support.databases import connected, opened, soon
from tests.support.flushing import flush
from tests.support.goals import catalogue_of, goal
from tests.support.proxy import TcpProxy, proxy_to
from tests.support.round_trips import has_commit
from tests.support.strategies import FIRST_DAY, KILLS

NOW = FIRST_DAY * DAY
ROUNDS = 20


def drop_next_commit(proxy: TcpProxy) -> None:
    """Let the next COMMIT reach the server, alone or behind other statements, and drop its reply."""
    proxy.drop_reply(after=has_commit)


def cut_at_next_commit(proxy: TcpProxy) -> None:
    """Close all connections when the next COMMIT arrives, before it reaches the server."""
    commits: list[bytes] = []

    def cut_at_the_first(chunk: bytes) -> bool:
        if has_commit(chunk):
            commits.append(chunk)
            if len(commits) == 1:
                proxy.cut()
        return False

    proxy.drop_reply(after=cut_at_the_first)


def test_a_flush_counts_once_and_returns_its_outcomes(database_url: str) -> None:
    rising = catalogue_of(*(goal(f"kill {target}", target=target) for target in range(1, 2 * ROUNDS + 1)))
    counted: list[Achieved] = []
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=1) as database:
        database.achieved = counted.append
        for number in range(ROUNDS):
            batch = [Event(f"{number}-{part}", "player", NOW + part, KILLS, delta=1) for part in range(2)]
            drop_next_commit(proxy)
            outcomes = flush(database, rising, [*batch, batch[0]], soon())
            assert proxy.dropped == number + 1
            completed = [CompletionKey("player", f"kill {2 * number + part}", LIFETIME_START, 1) for part in (1, 2)]
            assert outcomes == [
                Outcome(Verdict.APPLIED, (completed[0],)),
                Outcome(Verdict.APPLIED, (completed[1],)),
                Outcome(Verdict.DUPLICATE),
            ]
            assert flush(database, rising, batch, soon()) == [Outcome(Verdict.DUPLICATE)] * 2
        view = database.autocommit(lambda connection: players.read(connection, "player"), soon()).view
    assert view.tallies[KILLS].measures.sum == 2 * ROUNDS
    assert len(view.completions) == 2 * ROUNDS
    assert sum(len(each.completed) for each in counted) == 2 * ROUNDS


def test_a_claim_is_returned_to_its_caller(database_url: str) -> None:
    goals = [goal(f"kill {number}", target=1) for number in range(4)]
    catalogue = catalogue_of(*goals)
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=1) as database:
        flush(database, catalogue, [Event("id", "player", NOW, KILLS, delta=1)], soon())
        for number, each in enumerate(goals):
            drop_next_commit(proxy)
            request_id = f"request {number}" if number % 2 else None
            claim = claim_reward(database, catalogue, "player", each, request_id, NOW + number, soon())
            assert proxy.dropped == number + 1
            assert claim.key.goal_id == each.id
            assert claim.claim_time == NOW + number
    with connected(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM reward_outbox").fetchone() == (4,)


def test_a_claim_of_a_past_period_is_returned_to_its_caller(database_url: str) -> None:
    daily = goal("daily", target=1, schedule=DAILY)
    catalogue, days = catalogue_of(daily), [NOW - number * DAY for number in range(1, 4)]
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=1) as database:
        flush(database, catalogue, [Event(str(day), "player", day, KILLS, delta=1) for day in days], soon())
        for number, day in enumerate(days):
            drop_next_commit(proxy)
            request_id = f"request {number}" if number % 2 else None
            # Without a start the newest completed period is claimed.
            start = day if number else None
            claim = claim_reward(database, catalogue, "player", daily, request_id, NOW, soon(), period_start=start)
            assert proxy.dropped == number + 1
            assert claim.key == CompletionKey("player", "daily", day, 1)
    with connected(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM reward_outbox").fetchone() == (3,)


@pytest.mark.parametrize("arrives", [True, False], ids=["the reply is lost", "the request is lost"])
def test_completions_and_claims_of_an_activation_are_counted_once(database_url: str, arrives: bool) -> None:
    plain = goal("plain", target=1, default_assigned=False)
    auto = replace(goal("auto", target=1, default_assigned=False), claim_mode=ClaimMode.AUTO)
    catalogue = catalogue_of(plain, auto)
    counted: list[Achieved] = []
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=1) as database:
        database.achieved = counted.append
        flush(database, catalogue, [Event("id", "player", NOW, KILLS, delta=1)], soon())
        assert not counted
        for each in (plain, auto):
            if arrives:
                drop_next_commit(proxy)
            else:
                cut_at_next_commit(proxy)
            view = set_goal_active(database, catalogue, "player", each, True, NOW, soon())
            assert each.id in view.completions
        assert proxy.dropped == (2 if arrives else 0)
    arena = plain.challenge_id
    assert counted == [Achieved([arena], [], []), Achieved([arena], [], [arena])]


def test_a_commit_that_never_arrived_is_repeated(database_url: str) -> None:
    key = TallyKey("player", KILLS)
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=1) as database:
        attempts = []

        def work(connection: Connection) -> int:
            attempts.append(connection)
            (merged,) = tallies.merge(connection, {key: Tally(events=1)})
            if len(attempts) == 1:
                proxy.cut()
            return merged.after.events

        def written(connection: Connection, _: int, events: int) -> bool:
            stored = players.read(connection, "player").view.tallies
            return KILLS in stored and stored[KILLS].measures.events == events

        assert database.transact(work, soon(), written) == 1
        assert len(attempts) == 2


def test_a_transaction_is_in_progress_until_it_ends(database_url: str) -> None:
    with connected(database_url) as connection, connected(database_url) as observer:
        for end, status in (("COMMIT", COMMITTED), ("ROLLBACK", "aborted")):
            connection.execute("BEGIN")
            row = connection.execute("SELECT pg_current_xact_id()::text").fetchone()
            assert row is not None
            assert status_of(observer, int(row[0])) == IN_PROGRESS
            connection.execute(end)
            assert status_of(observer, int(row[0])) == status
