"""Rows that are written on a node and on the coordinator are committed in both places or in none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shared.domain.events import Event, Verdict
from shared.operations.events.flush import Flush
from shared.operations.rewards.claim import claim_reward
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from tests.support.completion_retention import CATALOGUE, NOW, play
from tests.support.databases import opened, soon
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import KILLS

PLAYER = "player"


def report(database: Database, event_id: str) -> None:
    # Events of goals without a schedule, which are added to one tally.
    catalogue = catalogue_of(goal("ever", target=1))
    [outcome] = Flush(database, catalogue, soon()).run([Event(event_id, PLAYER, NOW, KILLS, delta=1)])
    assert outcome is not None
    assert outcome.verdict is Verdict.APPLIED


def claim(database: Database, _: str) -> None:
    claim_reward(database, CATALOGUE, PLAYER, CATALOGUE.goals["ever"], None, NOW, soon())


@pytest.mark.parametrize(("act", "phases"), [(report, 1), (claim, 2)])
def test_only_writes_in_both_places_are_committed_in_two_phases(
    citus_url: str, act: Callable[[Database, str], None], phases: int
) -> None:
    with opened(citus_url, pool_size=1) as database:
        play(database, (PLAYER,), days=1)
        # One connection: its server says what it sends to the nodes.
        sent: list[str] = []

        def listen(connection: Connection) -> None:
            connection.run_script(b"SET citus.log_remote_commands = on; SET client_min_messages = notice")
            connection.add_notice_handler(lambda notice: sent.append(notice.message_primary or ""))

        database.autocommit(listen, soon())
        act(database, "another")
        commands = [line.removeprefix("issuing ").split(" ")[0] for line in sent]
    ends = [command for command in commands if command in ("COMMIT", "PREPARE")]
    assert ends == (["COMMIT"] if phases == 1 else ["PREPARE", "COMMIT"])
