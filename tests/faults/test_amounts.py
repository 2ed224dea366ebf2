"""Amounts at and beyond the bounds are refused or saturate. None overflows or causes an error in the database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from challenge.v1 import event_service_pb2 as rpc

from shared.domain.goal import AMOUNT_MAX
from shared.domain.tally import SUM_MAX
from tests.catalogue.documents import loaded
from tests.support.event_messages import amount_event, stat
from tests.support.postgres_server import PostgresServer
from tests.support.sample_catalogue import assigned, challenge
from tests.support.services import Game, game

AMOUNTS = [
    0,
    1,
    -1,
    2**31 - 1,
    2**31,
    -(2**31),
    AMOUNT_MAX,
    AMOUNT_MAX + 1,
    -AMOUNT_MAX,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
]

GOALS = [assigned(count, count=count, target=AMOUNT_MAX) for count in ("sum", "latest", "highest", "events")]


@pytest.fixture(scope="module")
def running(postgres_server: PostgresServer) -> Iterator[Game]:
    """Yield a game with a goal for each way of counting, all with the greatest target."""
    with (
        postgres_server.fresh_database() as database_url,
        game(database_url, loaded({"challenges": [challenge("amounts", *GOALS)]})) as running,
    ):
        yield running


def progress(running: Game, who: str) -> dict[str, int]:
    return {goal_id: goal.progress for goal_id, goal in running.goals(who).items()}


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize("field", ["delta", "value"])
def test_an_amount_counts_exactly_or_is_refused(running: Game, field: str, amount: int) -> None:
    who = f"{field} {amount}"
    accepted = (0 if field == "delta" else -AMOUNT_MAX) <= amount <= AMOUNT_MAX
    event = amount_event(field, amount)
    event.user_id = who
    [result] = running.report(event)
    assert result.verdict == (rpc.VERDICT_APPLIED if accepted else rpc.VERDICT_INVALID)
    stored = running.rows(
        "SELECT CASE WHEN highest IS NULL THEN sum ELSE highest END FROM tally WHERE user_id = %s", who
    )
    assert stored == ([(amount,)] if accepted else [])
    shown = max(0, amount) if accepted else 0
    in_sum, in_value = (shown, 0) if field == "delta" else (0, shown)
    assert progress(running, who) == {"sum": in_sum, "latest": in_value, "highest": in_value, "events": int(accepted)}


def test_a_sum_saturates_however_much_is_added(running: Game) -> None:
    who, stored = "collector", "SELECT sum FROM tally WHERE user_id = %s"
    running.report(stat("wins", who, delta=1))
    # Four million of the greatest events would add up to this.
    running.rows("UPDATE tally SET sum = %s WHERE user_id = %s RETURNING sum", SUM_MAX - AMOUNT_MAX - 1, who)
    for expected in (SUM_MAX - 1, SUM_MAX, SUM_MAX):
        [result] = running.report(stat("wins", who, delta=AMOUNT_MAX))
        assert result.verdict == rpc.VERDICT_APPLIED
        assert running.rows(stored, who) == [(expected,)]
    results = running.report(*[stat("wins", who, delta=AMOUNT_MAX) for _ in range(1_000)])
    assert {each.verdict for each in results} == {rpc.VERDICT_APPLIED}
    assert running.rows(stored, who) == [(SUM_MAX,)]
    assert progress(running, who)["sum"] == AMOUNT_MAX
