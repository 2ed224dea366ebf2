"""A whole game at once: new players, players in the menus, and events, through both services."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, islice

from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1 import event_service_pb2 as event_rpc

from bench.correctness import check_events, read_tallies, reported
from bench.figures import Table, Unit, at_most
from bench.load import POSTGRES, ClosedLoop, OpenLoop, Run, Stretch
from bench.mix import ACTIONS_PER_S, CALLS_PER_S, EVENTS_PER_S, METHODS, NAMES, Kind, Mix
from bench.processes import ServerProcess
from bench.services import CHALLENGE_SERVICE, EVENT_HANDLER
from bench.tables.calls import add_failures, add_memory
from bench.tables.lists import LIST
from bench.tables.players import INITIALIZE, new_player
from bench.usage import memory_of
from bench.whole import is_part, is_whole
from bench.workplace import Ground, Workplace, calls_for
from shared.runtime.clock import system_clock

P95_MS = 25.0
NEW_PLAYERS = OpenLoop(rate=600, connections=8)
NEW_PLAYERS_SHARE = 0.5
"""Of the time that the mix takes: a minute before two."""
LISTS_KEPT_MAX = 1_000
"""Of each kind, to be looked at afterwards: 50 MB."""
PLAYERS_AT_ONCE = 1_000


def measure_mix(place: Workplace) -> Table:
    """Latency of each RPC, memory of each process, and whether everything is right afterwards."""
    new = Stretch(0.0, place.terms.mix_s * NEW_PLAYERS_SHARE)
    stretch = Stretch(1.0, place.terms.mix_s)
    table = Table(
        "mix",
        "New players, then players and events together",
        f"{new.measured_s:g} s of {NEW_PLAYERS.rate:g} new players/s; then {stretch.measured_s:g} s of {ACTIONS_PER_S} "
        f"actions/s of {place.terms.players:,} players with history (10 % initialize, 15 % set a goal active or not, "
        f"5 % list and then claim, 70 % list, half of these only active goals) and {EVENTS_PER_S} events/s (a fifth "
        "logins). Both services on one core.",
    )
    with (
        place.ground() as ground,
        place.service(CHALLENGE_SERVICE, ground.url, ground.catalogue_path) as challenges,
        place.service(EVENT_HANDLER, ground.url, ground.catalogue_path) as events,
    ):
        before = read_tallies(ground.url)
        place.say(f"mix: new players for {new.measured_s:g} s")
        some = islice(map(new_player, count()), calls_for(new, NEW_PLAYERS.rate))
        arrived = place.play(challenges, INITIALIZE, some, NEW_PLAYERS, new)
        place.say(f"mix: players and events for {stretch.measured_s:g} s")
        mix = Mix(ground.play, ground.catalogue, system_clock())
        run = place.play_mix(
            [challenges, events],
            METHODS,
            mix.calls(calls_for(stretch, CALLS_PER_S)),
            OpenLoop(rate=CALLS_PER_S),
            stretch,
            keep_every=_keep(stretch),
        )
        _add_latencies(table, arrived, run)
        _add_costs(table, [challenges, events], run)
        _add_memory(table, place, [challenges, events])
        add_failures(table, [arrived, run])
        told = reported(run.part(Kind.EVENT), [[event] for event in mix.events], event_rpc.ReportEventResponse)
        check_events(table, ground.url, before, [told])
        _check_lists(table, place, ground, challenges, run)
    return table


def _keep(stretch: Stretch) -> Sequence[int]:
    """All answers to events; of lists as many as fit."""
    every = 1 + round(CALLS_PER_S * stretch.measured_s / LISTS_KEPT_MAX / len(Kind))
    kept = {Kind.EVENT: 1, Kind.LIST: every, Kind.LIST_ACTIVE: every}
    return [kept.get(kind, 0) for kind in Kind]


def _add_latencies(table: Table, arrived: Run, run: Run) -> None:
    parts = [("InitializePlayer, new", arrived), *((name, run.part(kind)) for kind, name in NAMES.items())]
    for name, part in parts:
        note = (
            f"{part.played.last - part.played.first:,} calls; p50 {part.latency_ms(0.5):.1f}, "
            f"p99 {part.latency_ms(0.99):.1f}, longest {part.latency_ms(1.0):.0f} ms"
        )
        table.add(f"latency of {name}, p95", part.latency_ms(0.95), Unit.MILLISECONDS, at_most(P95_MS), note)
    table.add("the generator itself was late, p95", run.late_ms(0.95), Unit.MILLISECONDS)


def _add_costs(table: Table, servers: Sequence[ServerProcess], run: Run) -> None:
    """Add what the mix takes of each process."""
    for name in (*(server.name for server in servers), POSTGRES):
        table.add(f"cores that {name} took", run.cores(name))


def _add_memory(table: Table, place: Workplace, servers: Sequence[ServerProcess]) -> None:
    for server in servers:
        add_memory(table, server.name, server.running_pid)
    table.add(f"memory of {POSTGRES}", memory_of(place.postgres_pid).resident, Unit.MEBIBYTES, note="all its processes")


def _check_lists(table: Table, place: Workplace, ground: Ground, challenges: ServerProcess, run: Run) -> None:
    """Add whether lists were right during the load, and whether every player's is afterwards."""
    during = run.part(Kind.LIST).answers.values()
    active = run.part(Kind.LIST_ACTIVE).answers.values()
    broken = sum(not is_whole(answer, ground.catalogue) for answer in during)
    broken += sum(not is_part(answer, ground.catalogue) for answer in active)
    table.check("lists that are not whole", broken, f"of {len(during) + len(active):,} that were kept")
    broken = listed = 0
    for requests in _everybody(ground.play.players):
        place.say(f"mix: looking at every player's list, {listed:,} so far")
        stretch = Stretch(0.0, 60.0)
        lists = place.play(challenges, LIST, requests, ClosedLoop(in_flight=16), stretch, keep_every=1).answers
        listed += len(lists)
        broken += sum(not is_whole(answer, ground.catalogue) for answer in lists.values())
    missing = len(ground.play.players) - listed
    table.check("players whose list is missing or not whole afterwards", broken + missing, f"of {listed:,}")


def _everybody(players: Sequence[str]) -> Iterator[list[bytes]]:
    for start in range(0, len(players), PLAYERS_AT_ONCE):
        some = players[start : start + PLAYERS_AT_ONCE]
        yield [rpc.ListChallengesRequest(user_id=player).SerializeToString() for player in some]
