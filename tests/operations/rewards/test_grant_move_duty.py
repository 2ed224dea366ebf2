"""The duty that moves settled grants: what it counts while it works or fails, and what it does not wait for."""

from __future__ import annotations

import pytest

from shared.domain.errors import DatabaseUnavailable
from shared.domain.instant import DAY
from shared.operations.player_ranges import REST_MAX_S
from shared.operations.rewards import move_grants
from shared.operations.rewards.move_grants import GrantMoves
from shared.postgres.database import Database
from shared.postgres.rewards import grant_history
from shared.runtime.clock import system_clock
from tests.support.databases import connected
from tests.support.grant_moves import grants_by_table, let_grants_move
from tests.support.services import rows
from tests.support.unstalled_clock import unstalled_s

SETTLED = """
INSERT INTO reward_outbox (
    user_id, goal_id, period_start, occurrence, claim_number, grant_id, state, provider,
    reward_type, reward_id, quantity, priority, attempts, lease_token, due_time, create_time, settle_time
)
SELECT
    'player ' || number, 'goal', timestamptz 'epoch', 1, 1, gen_random_uuid(), 'GRANTED', 'none',
    'ITEM', 'sword', 1, 5, 1, 2, settled, settled, settled
FROM generate_series(1, 5) AS number, LATERAL (SELECT now() - interval '3 days') AS age (settled)
RETURNING 1
"""
LOCKED = """
SELECT relation::regclass
FROM pg_locks
JOIN pg_database ON pg_database.oid = pg_locks.database
WHERE locktype = 'relation' AND datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture(autouse=True)
def settled(database_url: str) -> None:
    """Store five grants that were settled three days ago."""
    rows(database_url, SETTLED)
    let_grants_move(database_url)


def test_grants_that_cannot_be_moved_are_counted(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    moves = GrantMoves(database, DAY, 0, lambda _: False, steps.append)
    with monkeypatch.context() as patched:

        def fail(*_: object) -> int:
            raise DatabaseUnavailable

        patched.setattr(grant_history, "move", fail)
        with pytest.raises(DatabaseUnavailable):
            moves.one_pass(system_clock())
    assert (moves.left, steps) == (5, [])
    assert moves.behind_s > 0
    assert moves.one_pass(system_clock()) == 5
    assert (moves.left, moves.behind_s, steps) == (0, 0, [5])


def test_grants_are_counted_while_a_long_pass_moves_them(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(move_grants, "STEP_GRANTS", 2)
    monkeypatch.setattr(move_grants, "COUNT_INTERVAL_S", 0.0)
    steps: list[int] = []
    left: list[float] = []

    def rest(pause_s: float) -> bool:
        # The server ends transactions that are idle for longer than 30 s, and the lock with them.
        assert pause_s <= REST_MAX_S
        left.append(moves.left)
        # A migration waits for no lock of a pass.
        assert rows(database_url, LOCKED) == []
        return False

    moves = GrantMoves(database, DAY, 0, rest, steps.append)
    assert moves.one_pass(system_clock()) == 5
    assert (steps, left, moves.left) == ([2, 2, 1], [3, 1], 0)


def test_claims_do_not_wait_while_an_old_quarter_cannot_be_dropped(database: Database, database_url: str) -> None:
    """Whatever waits for a lock on the history keeps others from reading it."""
    rows(database_url, "SELECT make_settled_grant_partition(now() - interval '3 years')")
    quarters = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'settled_grant'::regclass"
    before = rows(database_url, quarters)[0][0]
    duty = GrantMoves(database, DAY, 400 * DAY, lambda _: False)
    with connected(database_url) as dump:
        dump.execute("BEGIN")
        dump.execute("SELECT count(*) FROM settled_grant")
        began = unstalled_s()
        with pytest.raises(DatabaseUnavailable):
            duty.one_pass(system_clock())
        # Sessions wait for other locks for 10 s.
        assert unstalled_s() - began < 5
        # Meanwhile grants move, also to a new quarter.
        assert grants_by_table(database_url) == (0, 5)
        assert rows(database_url, "SELECT make_settled_grant_partition(now() + interval '1 year')") == [(True,)]
        duty.one_pass(system_clock())
    made = rows(database_url, quarters)[0][0]
    assert made > before, "not tried again at once"
    GrantMoves(database, DAY, 400 * DAY, lambda _: False).one_pass(system_clock())
    assert rows(database_url, quarters)[0][0] == made - 1
