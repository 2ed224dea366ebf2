"""Events that arrive repeatedly, in any order, at two handlers: the final state is the same."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from challenge.v1 import challenge_pb2
from challenge.v1 import event_service_pb2 as rpc

from shared.domain.instant import HOUR, MICROSECOND, SECOND
from tests.catalogue.documents import loaded
from tests.support.event_messages import login, stat
from tests.support.sample_catalogue import assigned, challenge, sample_catalogue
from tests.support.services import NOW, Game, ManualClock, challenge_channel, event_channel, event_service, game

PLAYERS = 20
EVENTS_EACH = 20
TIMES_MAX = 10
BATCH = 37


def test_events_sent_up_to_ten_times_at_once_to_two_handlers_count_once(database_url: str) -> None:
    chance = random.Random(10)
    distinct = [
        stat("wins", f"player-{who}", delta=1, event_id=f"{who}/{number}", at=NOW - chance.randrange(72 * HOUR))
        for who in range(PLAYERS)
        for number in range(EVENTS_EACH)
    ]
    copies = [event for event in distinct for _ in range(chance.randint(1, TIMES_MAX))]
    chance.shuffle(copies)
    batches = [copies[first : first + BATCH] for first in range(0, len(copies), BATCH)]
    catalogue = loaded({"challenges": [challenge("arena", assigned("win", target=1_000))]})
    clock = ManualClock()
    with (
        event_channel(database_url, catalogue, clock=clock) as events,
        event_service(database_url, catalogue, clock=clock) as other,
        challenge_channel(database_url, catalogue, clock=clock) as channel,
        ThreadPoolExecutor(8) as callers,
    ):
        running = Game(channel, events, clock, database_url)
        replies = [
            callers.submit((running.events, other)[number % 2].ReportEvents, rpc.ReportEventsRequest(events=batch))
            for number, batch in enumerate(batches)
        ]
        applied = Counter[str]()
        for batch, reply in zip(batches, replies, strict=True):
            for event, result in zip(batch, reply.result().results, strict=True):
                assert result.verdict in (rpc.VERDICT_APPLIED, rpc.VERDICT_DUPLICATE)
                applied[event.event_id] += result.verdict == rpc.VERDICT_APPLIED
        assert applied == dict.fromkeys((event.event_id for event in distinct), 1)
        print(  # noqa: T201
            f"\n{len(copies)} events sent and acknowledged, {sum(applied.values())} applied, "
            f"{len(copies) - sum(applied.values())} duplicates, {len(distinct) - len(+applied)} lost"
        )
        assert {running.goal("win", f"player-{who}").progress for who in range(PLAYERS)} == {EVENTS_EACH}


def history(chance: random.Random) -> list[rpc.Event]:
    """Return a player's events of three days, with equal and falling values, and times at the edges of days."""
    day = NOW - NOW % (24 * HOUR)
    moments = [day - MICROSECOND, day, day - 24 * HOUR, day - 24 * HOUR - MICROSECOND, NOW, NOW - SECOND]
    events = []
    for number in range(200):
        at, event_id = chance.choice(moments), str(number)
        match chance.randrange(4):
            case 0:
                events.append(login(at=at, event_id=event_id))
            case 1:
                events.append(stat("wins", delta=chance.randrange(3), at=at, event_id=event_id))
            case 2:
                events.append(stat("score", value=chance.randrange(-10, 900), at=at, event_id=event_id))
            case 3:
                events.append(stat("level", value=chance.randrange(5), at=at, event_id=event_id))
    return events


def shown(running: Game, who: str) -> list[tuple[str, int, int, bool]]:
    return [(goal.goal_id, goal.state, goal.progress, goal.locked) for goal in running.goals(who).values()]


def play(running: Game, who: str, events: Sequence[rpc.Event], chance: random.Random) -> None:
    """Report the events of a player in batches of random sizes."""
    rest = list(events)
    while rest:
        size = chance.randint(1, 40)
        batch, rest = rest[:size], rest[size:]
        for event in batch:
            event.user_id = who
        running.report(*batch)


@pytest.mark.parametrize("seed", range(3))
def test_a_full_reordering_gives_the_same_final_state(database_url: str, seed: int) -> None:
    chance = random.Random(seed)
    events = history(chance)
    shuffled = chance.sample(events, len(events))
    with game(database_url, sample_catalogue()) as running:
        orders = {
            "in order": sorted(events, key=lambda event: event.event_time.ToNanoseconds()),
            "reversed": sorted(events, key=lambda event: -event.event_time.ToNanoseconds()),
            "shuffled": shuffled,
            "shuffled and repeated": [*shuffled, *chance.sample(events, len(events))],
        }
        for who, order in orders.items():
            play(running, who, order, chance)
        states = {who: shown(running, who) for who in orders}
    different = [who for who, state in states.items() if state != states["in order"]]
    print(f"\n{len(events)} events in {len(orders)} orders: {len(different)} differ in their final state")  # noqa: T201
    assert not different
    assert ("welcome", challenge_pb2.GOAL_STATE_COMPLETED, 1, False) in states["in order"]
