"""Amounts at and beyond all bounds are checked or saturate; none wraps, none reaches the database to fail there."""

from __future__ import annotations

import pytest
from challenge.v1 import event_service_pb2 as rpc

from shared.domain.catalogue import AMOUNT_MAX
from shared.domain.tally import SUM_MAX
from tests.arena import challenge
from tests.catalogue.documents import goal, loaded
from tests.reported import amount_event, stat
from tests.services import Game, game, rows
from tests.stored import contents, written

AMOUNTS = [
    0,
    1,
    -1,
    2**31,
    2**31 - 1,
    -(2**31),
    AMOUNT_MAX,
    AMOUNT_MAX + 1,
    -AMOUNT_MAX,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
]

CATALOGUE = {
    "challenges": [
        challenge(
            "amounts",
            *(
                goal(count, count=count, target=AMOUNT_MAX, default_assigned=True)
                for count in ("sum", "latest", "highest", "events")
            ),
        )
    ]
}


def progress(running: Game) -> dict[str, int]:
    return {goal_id: goal.progress for goal_id, goal in running.goals().items()}


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize("field", ["delta", "value"])
def test_an_amount_counts_as_it_is_or_is_refused(database_url: str, field: str, amount: int) -> None:
    least = 0 if field == "delta" else -AMOUNT_MAX
    accepted = least <= amount <= AMOUNT_MAX
    with game(database_url, loaded(CATALOGUE)) as running:
        [result] = running.report(amount_event(field, amount))
        assert result.verdict == (rpc.VERDICT_APPLIED if accepted else rpc.VERDICT_INVALID)
        if not accepted:
            assert written(contents(database_url)) == {}
            return
        shown = max(0, amount)
        in_sum, in_value = (shown, 0) if field == "delta" else (0, shown)
        assert progress(running) == {"sum": in_sum, "latest": in_value, "highest": in_value, "events": 1}
        column = "sum" if field == "delta" else "highest"
        assert rows(database_url, f"SELECT {column} FROM tally") == [(amount,)]  # noqa: S608 - a fixed name


def test_a_sum_saturates_however_much_is_added(database_url: str) -> None:
    with game(database_url, loaded(CATALOGUE)) as running:
        running.report(stat("wins", delta=1))
        # Four million of the greatest events would lead here.
        running.rows("UPDATE tally SET sum = %s RETURNING sum", SUM_MAX - AMOUNT_MAX - 1)
        for expected in (SUM_MAX - 1, SUM_MAX, SUM_MAX):
            [result] = running.report(stat("wins", delta=AMOUNT_MAX))
            assert result.verdict == rpc.VERDICT_APPLIED
            assert running.rows("SELECT sum FROM tally") == [(expected,)]
        results = running.report(*[stat("wins", delta=AMOUNT_MAX) for _ in range(1_000)])
        assert {each.verdict for each in results} == {rpc.VERDICT_APPLIED}
        assert running.rows("SELECT sum FROM tally") == [(SUM_MAX,)]
        assert progress(running)["sum"] == AMOUNT_MAX
