"""The events that players cause during a measurement: rising values, and their messages."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from challenge.v1 import event_service_pb2 as rpc
from google.protobuf.timestamp_pb2 import Timestamp

from shared.domain.events import Event
from shared.domain.goal import LOGIN, Source, Stat
from shared.domain.instant import SECOND, Instant

LOGIN_SHARE = 0.2


class MeasuredStat(NamedTuple):
    """A stat of the load catalogue, and a player's progress with it."""

    stat: Stat
    start_min: int
    """The smallest target: every player with a history has completed the default goals."""
    start_max: int
    """A fifth beyond the greatest target: players begin at a random value in between."""
    rise_max: int
    """An event raises the value by 1 up to this."""


MEASURED = (
    MeasuredStat(Stat(Source.STAT, "enemy_kills"), 10, 600, 3),
    MeasuredStat(Stat(Source.STAT, "games_played"), 2, 120, 1),
    MeasuredStat(Stat(Source.STAT, "headshots"), 5, 300, 2),
    MeasuredStat(Stat(Source.STAT, "wins"), 1, 60, 1),
)


class Play:
    """An endless game of many players; the same seed and the same calls yield the same game."""

    def __init__(self, players: Sequence[str], seed: int, values: Mapping[tuple[str, Stat], int] | None = None) -> None:
        """Begin with `values`, each player's value of each stat; 0 if missing."""
        self.players = players
        self.values: dict[tuple[str, Stat], int] = defaultdict(int, values or {})
        self.random = random.Random(seed)

    def shuffled(self) -> Sequence[str]:
        """Return all players in random order."""
        return self.random.sample(self.players, len(self.players))

    def event(self, player: str, stat: Stat, value: int | None, time: Instant) -> Event:
        """Return an event with a new id."""
        event_id = f"{self.random.getrandbits(128):032x}"
        return Event(event_id, player, time, stat, value=value)

    def events(self, now: Instant) -> Iterator[Event]:
        """Yield events of random players without end: logins, and otherwise a rising value of a random stat."""
        while True:
            player = self.players[int(self.random.random() * len(self.players))]
            if self.random.random() < LOGIN_SHARE:
                yield self.event(player, LOGIN, None, now)
                continue
            measured = MEASURED[int(self.random.random() * len(MEASURED))]
            key = (player, measured.stat)
            self.values[key] += 1 + int(self.random.random() * measured.rise_max)
            # A microsecond apart, so that the newest value is the highest.
            now += 1
            yield self.event(player, measured.stat, self.values[key], now)

    def undo(self, calls: Iterable[Sequence[Event]]) -> None:
        """Undo the last events of the game, which were not sent."""
        for events in calls:
            for event in events:
                if event.value is not None:
                    key = (event.user_id, event.stat)
                    self.values[key] = min(self.values[key], event.value - 1)


def message(event: Event) -> rpc.Event:
    """Return the event as a caller sends it."""
    seconds, microseconds = divmod(event.time, SECOND)
    time = Timestamp(seconds=seconds, nanos=microseconds * 1_000)
    if event.stat == LOGIN:
        return rpc.Event(event_id=event.event_id, user_id=event.user_id, event_time=time, logged_in=rpc.LoggedIn())
    update = rpc.StatUpdated(stat_code=event.stat.code, delta=event.delta, value=event.value)
    return rpc.Event(
        event_id=event.event_id,
        user_id=event.user_id,
        event_time=time,
        stat_updated=update,
        attributes=dict(event.attributes),
    )
