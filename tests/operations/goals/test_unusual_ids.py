"""Ids with unusual characters are stored and found unchanged."""

from __future__ import annotations

import pytest

from shared.domain.events import CompletionKey, Event, Verdict
from shared.domain.goal import Source, Stat
from shared.domain.instant import DAY, LIFETIME_START
from shared.domain.progress import GoalState
from shared.operations.goals.activate import set_goal_active
from shared.operations.goals.initialize import initialize_player
from shared.operations.rewards.claim import claim_reward
from shared.postgres.database import Database
from tests.support.databases import connected, flushed, soon, status_of
from tests.support.flushing import flush
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY

NOW = FIRST_DAY * DAY

STRANGE = [
    "O'Brien",
    '"quoted"',
    "a:b:c",
    "\U0001f409\u200d\U0001f525",
    "'; DROP TABLE tally; --",
    "$1 %s {0} \\x00 \\",
    "{NULL}",
    "NULL",
    " space ",
    "\u202eright to left",
    "e\u0301 and \u00e9",
    "\U0001f409" * 128,
]


@pytest.mark.parametrize("text", STRANGE, ids=range(len(STRANGE)))
def test_an_id_survives_everything_that_is_done_with_it(database: Database, database_url: str, text: str) -> None:
    stat = Stat(Source.STAT, text)
    chosen = goal(text, stat=stat, target=2, default_assigned=False)
    catalogue = catalogue_of(chosen)
    initialize_player(database, text, None, NOW, soon())
    set_goal_active(database, catalogue, text, chosen, True, NOW, soon())
    events = [Event(text[:64], text, NOW + number * DAY, stat, delta=1) for number in range(2)]
    assert [outcome.verdict for outcome in flushed(database, catalogue, events)] == [Verdict.APPLIED] * 2
    claim = claim_reward(database, catalogue, text, chosen, text, NOW, soon())
    assert claim.key == CompletionKey(text, text, LIFETIME_START, 1)
    assert claim_reward(database, catalogue, text, chosen, text, NOW, soon()) == claim
    assert status_of(database, catalogue, text, chosen).state is GoalState.CLAIMED
    with connected(database_url) as connection:
        stored = connection.execute(
            "SELECT user_id, reward_outbox.goal_id, request_id, stat_code, player.user_id"
            " FROM reward_outbox JOIN tally USING (user_id) JOIN player USING (user_id)"
        ).fetchall()
    assert stored == [(text, text, text, text, text)]


def test_ids_that_look_alike_are_different_players(database: Database) -> None:
    catalogue = catalogue_of(goal())
    alike = ["a", "A", "a ", "e\u0301", "\u00e9"]
    for number, user_id in enumerate(alike):
        event = Event("id", user_id, NOW, catalogue.goals["win"].stat, delta=number)
        flush(database, catalogue, [event], soon())
    progress = [status_of(database, catalogue, user_id, catalogue.goals["win"]).progress for user_id in alike]
    assert progress == [0, 1, 2, 3, 3]
