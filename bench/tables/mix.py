"""A whole game at once: new players, players in the menus, and events, through both services."""

from __future__ import annotations

from itertools import count, islice

from bench.correctness import is_whole
from bench.figures import Table, Unit, at_most
from bench.game import ACTIONS_PER_S, CALLS_PER_S, EVENTS_PER_S, NAMES, WholeGame, game_begun
from bench.load import POSTGRES, Run
from bench.machine import memory_of
from bench.tables.calls import add_memory
from bench.tables.lists import LIST, list_request
from bench.tables.players import INITIALIZE, new_player
from bench.workbench import Workbench, calls_for
from load_generator.plan import ClosedLoop, OpenLoop, RunLength

P95_MS = 25.0
NEW_PLAYERS = OpenLoop(rate=600, connections=8)
NEW_PLAYERS_SHARE = 0.5
"""Duration of the new players' arrival as a share of the mix's: a minute before two."""
PLAYERS_AT_ONCE = 1_000


def measure_mix(bench: Workbench) -> Table:
    """Measure latency of each RPC and memory of each process, and check everything afterwards."""
    new = RunLength(0.0, bench.scale.mix_s * NEW_PLAYERS_SHARE)
    length = RunLength(1.0, bench.scale.mix_s)
    table = Table(
        "mix",
        "New players, then players and events together",
        f"{new.measured_s:g} s of {NEW_PLAYERS.rate:g} new players/s; then {length.measured_s:g} s of {ACTIONS_PER_S} "
        f"actions/s of {bench.scale.players:,} players with history (10 % initialize, 15 % set a goal active or not, "
        "5 % select goals at random, 5 % list and then claim, 65 % list, half of these only active goals) and "
        f"{EVENTS_PER_S} events/s (a fifth logins). Both services on one core.",
    )
    with game_begun(bench) as game:
        bench.say(f"mix: new players for {new.measured_s:g} s")
        some = islice(map(new_player, count()), calls_for(new, NEW_PLAYERS.rate))
        arrived = bench.play(game.servers[0], INITIALIZE, some, NEW_PLAYERS, new)
        bench.say(f"mix: players and events for {length.measured_s:g} s")
        played = game.play(CALLS_PER_S, length)
        _add_latencies(table, arrived, played.run)
        for name in (*(server.name for server in game.servers), POSTGRES):
            table.add(f"cores used by {name}", played.run.cores(name))
        for server in game.servers:
            add_memory(table, server.name, server.running_pid)
        postgres = memory_of(bench.postgres_pid).resident
        table.add(f"memory of {POSTGRES}", postgres, Unit.MEBIBYTES, note="all its processes")
        played.faults.add_to(table)
        table.check("incomplete lists", played.broken_lists, f"of {played.kept_lists:,} that were kept")
        _check_every_player(table, bench, game)
    return table


def _add_latencies(table: Table, arrived: Run, run: Run) -> None:
    parts = [("InitializePlayer, new", arrived), *((name, run.part(kind)) for kind, name in NAMES.items())]
    for name, part in parts:
        note = (
            f"{part.played.last - part.played.first:,} calls; p50 {part.latency_ms(0.5):.1f}, "
            f"p99 {part.latency_ms(0.99):.1f}, longest {part.latency_ms(1.0):.0f} ms"
        )
        table.add(f"latency of {name}, p95", part.latency_ms(0.95), Unit.MILLISECONDS, at_most(P95_MS), note)
    table.add("delay of the generator itself, p95", run.late_ms(0.95), Unit.MILLISECONDS)


def _check_every_player(table: Table, bench: Workbench, game: WholeGame) -> None:
    """Add whether every player's list is complete afterwards."""
    broken = listed = 0
    players = game.setup.play.players
    for start in range(0, len(players), PLAYERS_AT_ONCE):
        bench.say(f"mix: checking every player's list, {listed:,} so far")
        pace, length = ClosedLoop(in_flight=16), RunLength(0.0, 60.0)
        requests = map(list_request, players[start : start + PLAYERS_AT_ONCE])
        lists = bench.play(game.servers[0], LIST, requests, pace, length, keep_every=1).responses
        listed += len(lists)
        broken += sum(not is_whole(response, game.setup.catalogue) for response in lists.values())
    missing = len(players) - listed
    table.check("players whose list is missing or incomplete afterwards", broken + missing, f"of {listed:,}")
