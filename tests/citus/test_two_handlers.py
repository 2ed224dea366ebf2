"""Two event handlers on the same players of a cluster, whose statements lock the shards in parallel."""

from __future__ import annotations

import threading
import time

from shared.domain.events import Event, Verdict
from shared.domain.goal import Source, Stat
from shared.operations.events.flush import Flush
from tests.support.databases import flushed, opened
from tests.support.sample_catalogue import sample_catalogue
from tests.support.services import NOW, rows

WINS = Stat(Source.STAT, "wins")
PLAYERS, ROUNDS = 40, 8


def test_events_of_two_handlers_count_once_each(citus_url: str) -> None:
    catalogue = sample_catalogue()
    reported: list[list[str]] = [[], []]

    def handle(handler: int) -> None:
        with opened(citus_url, pool_size=1) as database:
            for round_ in range(ROUNDS):
                batch = [
                    Event(f"{handler} {round_}", f"player {number}", NOW, WINS, delta=1) for number in range(PLAYERS)
                ]
                outcomes = flushed(database, catalogue, batch)
                assert {outcome.verdict for outcome in outcomes} == {Verdict.APPLIED}
                reported[handler] += [key.user_id for outcome in outcomes for key in outcome.completions]

    handlers = [threading.Thread(target=handle, args=(number,)) for number in range(2)]
    for handler in handlers:
        handler.start()
    for handler in handlers:
        handler.join()
    assert rows(citus_url, "SELECT min(sum), max(sum), count(*) FROM tally") == [(2 * ROUNDS, 2 * ROUNDS, PLAYERS)]
    # Each reached the target once, in whichever batch.
    assert sorted(reported[0] + reported[1]) == sorted(f"player {number}" for number in range(PLAYERS))


def test_the_same_events_sent_to_two_handlers_at_once_count_once(citus_url: str) -> None:
    catalogue = sample_catalogue()
    verdicts: list[list[Verdict]] = [[], []]
    together = threading.Barrier(2)

    def handle(handler: int) -> None:
        with opened(citus_url, pool_size=1) as database:
            for round_ in range(ROUNDS):
                batch = [Event(f"{round_}", f"player {number}", NOW, WINS, delta=1) for number in range(PLAYERS)]
                together.wait(30)
                outcomes = Flush(database, catalogue, time.monotonic() + 30).run(batch)
                verdicts[handler] += [outcome.verdict for outcome in outcomes if outcome is not None]

    handlers = [threading.Thread(target=handle, args=(number,)) for number in range(2)]
    for handler in handlers:
        handler.start()
    for handler in handlers:
        handler.join()
    assert [{one, other} for one, other in zip(*verdicts, strict=True)] == [{Verdict.APPLIED, Verdict.DUPLICATE}] * (
        ROUNDS * PLAYERS
    )
    assert rows(citus_url, "SELECT min(sum), max(sum), count(*) FROM tally") == [(ROUNDS, ROUNDS, PLAYERS)]
