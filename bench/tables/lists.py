"""`ListChallenges`: all 500 goals of players with a history; completed goals, and a catalogue ten times as long."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from challenge.v1 import challenge_service_pb2 as rpc

from bench import services
from bench.correctness import is_whole
from bench.figures import Table, Unit, at_least, at_most
from bench.load import POSTGRES, Run, median, ratio
from bench.players import player_ids, store_veterans
from bench.services import CHALLENGE_SERVICE, ROOT, ServerProcess
from bench.tables.calls import add_failures, add_latency
from bench.workplace import Ground, Workplace, shuffled
from load_generator.plan import ClosedLoop, OpenLoop
from shared.runtime.clock import system_clock

LIST = "challenge.v1.ChallengeService/ListChallenges"
RATE = 300.0
SATURATION = ClosedLoop(in_flight=16)
KEEP_EVERY = 20
"""Lists of 50 KB that are kept of a saturated run; of the open loop all are kept."""


def measure_lists(place: Workplace) -> Table:
    """Measure CPU and rate beside an empty handler that returns as many bytes, and latency at a fixed rate."""
    table = Table(
        "lists",
        "ListChallenges, all goals of the load catalogue",
        f"{place.terms.players:,} players with history, in random order. Saturated: {SATURATION.in_flight} calls in "
        f"flight on {SATURATION.connections} connections, in turns with the empty handler.",
    )
    with (
        place.ground() as ground,
        place.running(services.service(CHALLENGE_SERVICE, ground.url, ground.catalogue_path)) as service,
    ):
        requests = [rpc.ListChallengesRequest(user_id=player).SerializeToString() for player in shuffled(ground.play)]
        place.say(f"lists: open loop at {RATE:g}/s")
        steady = place.play(service, LIST, requests, OpenLoop(rate=RATE), repeat=True, keep_every=1)
        turn = place.terms.turn
        with place.running(services.empty_handler(steady.response_bytes)) as empty:
            turns = place.in_turns(
                "lists: saturated",
                lambda: place.play(service, LIST, requests, SATURATION, turn, repeat=True, keep_every=KEEP_EVERY),
                lambda: place.play(empty, LIST, requests, SATURATION, turn, repeat=True),
            )
    _add_saturation(table, turns)
    table.add("length of a response", steady.response_bytes, Unit.BYTES)
    add_latency(table, f"at {RATE:g}/s", steady, p50=3.0, p95=8.0)
    runs = [steady, *(run for run, _ in turns)]
    add_failures(table, runs)
    kept = [response for run in runs for response in run.responses.values()]
    broken = sum(not is_whole(response, ground.catalogue) for response in kept)
    table.check("incomplete lists", broken, f"of {len(kept):,} that were kept")
    return table


def _add_saturation(table: Table, turns: Sequence[tuple[Run, Run]]) -> None:
    """Add the capacity of a core beside that of the empty handler."""
    cpu = ratio([(run.cpu_us(), empty.cpu_us()) for run, empty in turns])
    rate = ratio([(run.rate, empty.rate) for run, empty in turns])
    table.add("CPU per call", median([run.cpu_us() for run, _ in turns]), Unit.MICROSECONDS)
    table.add("CPU per call of the empty handler", median([empty.cpu_us() for _, empty in turns]), Unit.MICROSECONDS)
    table.add("CPU beside the empty handler", cpu.value, Unit.RATIO, at_most(2.0), str(cpu))
    table.add("CPU of Postgres per call", median([run.cpu_us(POSTGRES) for run, _ in turns]), Unit.MICROSECONDS)
    table.add("rate, saturated", median([run.rate for run, _ in turns]), Unit.CALLS_A_SECOND, note="aim 2,000")
    table.add("rate of the empty handler", median([empty.rate for _, empty in turns]), Unit.CALLS_A_SECOND)
    table.add("rate beside the empty handler", rate.value, Unit.RATIO, at_least(0.5), str(rate))


VETERANS = 200
LONGER = 10
"""Factor by which the long catalogue is longer."""

Turns = Sequence[tuple[Run, Run]]


def measure_list_sizes(place: Workplace) -> Table:
    """Measure CPU per list of veterans beside new players, and of a long catalogue beside the load catalogue."""
    table = Table(
        "list_sizes",
        "ListChallenges by length of the list",
        f"Saturated: {SATURATION.in_flight} calls in flight on {SATURATION.connections} connections, in turns.",
    )
    with (
        place.ground() as ground,
        place.running(services.service(CHALLENGE_SERVICE, ground.url, ground.catalogue_path)) as service,
        place.running(services.service(CHALLENGE_SERVICE, ground.url, _long_catalogue(place, ground))) as long_service,
    ):
        new = [f"new {player}" for player in ground.play.players]
        veterans = [f"veteran {player}" for player in player_ids(VETERANS)]
        store_veterans(ground.url, ground.catalogue, veterans, system_clock())
        completed = place.in_turns(
            "lists of veterans", _listing(place, service, veterans), _listing(place, service, new)
        )
        longer = place.in_turns(
            "lists of a long catalogue",
            _listing(place, long_service, ground.play.players),
            _listing(place, service, ground.play.players),
        )
    goals = len(ground.catalogue.goals)
    _add(table, f"{goals} completed goals", completed, "a new player")
    cpu = ratio([(run.cpu_us(), other.cpu_us()) for run, other in completed])
    table.add("CPU beside a new player", cpu.value, Unit.RATIO, at_most(4.0), str(cpu))
    _add(table, f"{LONGER * goals:,} goals in the catalogue", longer, f"{goals} goals")
    grown = ratio([(run.response_bytes, other.response_bytes) for run, other in longer])
    cpu = ratio([(run.cpu_us() / run.response_bytes, other.cpu_us() / other.response_bytes) for run, other in longer])
    table.add("length beside the shorter catalogue", grown.value, Unit.RATIO)
    table.add("CPU per byte beside the shorter catalogue", cpu.value, Unit.RATIO, at_most(1.0), str(cpu))
    add_failures(table, [run for turns in (completed, longer) for pair in turns for run in pair])
    return table


def _add(table: Table, name: str, turns: Turns, other: str) -> None:
    table.add(f"CPU per list, {name}", median([run.cpu_us() for run, _ in turns]), Unit.MICROSECONDS)
    table.add(f"CPU per list, {other}", median([run.cpu_us() for _, run in turns]), Unit.MICROSECONDS)


def _listing(place: Workplace, service: ServerProcess, players: Sequence[str]) -> Callable[[], Run]:
    requests = [rpc.ListChallengesRequest(user_id=player).SerializeToString() for player in players]
    return lambda: place.play(service, LIST, requests, SATURATION, place.terms.turn, repeat=True)


def _long_catalogue(place: Workplace, ground: Ground) -> Path:
    """Write a catalogue that begins like the load catalogue and continues with similar challenges."""
    path = place.directory / "long.yaml"
    challenges = str(LONGER * len(ground.catalogue.challenges))
    command = [sys.executable, "catalogues/generate_load.py", "--challenges", challenges, "--output", str(path)]
    subprocess.run(command, cwd=ROOT, check=True)
    return path
