"""`ListChallenges` by length of the list: players who have completed everything, and a catalogue ten times as long."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from challenge.v1 import challenge_service_pb2 as rpc

from bench import services
from bench.figures import Table, Unit, at_most
from bench.load import Run
from bench.players import player_ids
from bench.processes import ROOT, ServerProcess
from bench.samples import median, ratio
from bench.services import CHALLENGE_SERVICE
from bench.tables.calls import add_failures
from bench.tables.lists import LIST, SATURATION
from bench.veterans import store_veterans
from bench.workplace import Ground, Workplace
from shared.runtime.clock import system_clock

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
