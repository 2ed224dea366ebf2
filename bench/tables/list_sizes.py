"""What lists cost by what is in them: players who have completed everything, and a catalogue ten times as long."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from challenge.v1 import challenge_service_pb2 as rpc

from bench.database import connected
from bench.figures import Table, Unit, at_most
from bench.load import Run
from bench.players import player_ids
from bench.processes import ROOT, ServerProcess
from bench.samples import median, ratio
from bench.services import CHALLENGE_SERVICE
from bench.tables.calls import add_failures
from bench.tables.lists import LIST, SATURATION
from bench.workplace import Ground, Workplace
from shared.domain.events import CompletionKey
from shared.domain.instant import SECOND
from shared.domain.periods import LIFETIME_START
from shared.domain.standings import record_of
from shared.postgres.goals import completions
from shared.postgres.transaction import run_transaction
from shared.runtime.clock import system_clock

VETERANS = 200
LONGER = 10
"""How many times as long the long catalogue is."""

Turns = Sequence[tuple[Run, Run]]


def measure_list_sizes(place: Workplace) -> Table:
    """CPU per list of veterans beside that of new players, and of a long catalogue beside the load catalogue's."""
    table = Table(
        "list_sizes",
        "ListChallenges by what is in the list",
        f"Saturated: {SATURATION.in_flight} calls in flight on {SATURATION.connections} connections, in turns.",
    )
    with (
        place.ground() as ground,
        place.service(CHALLENGE_SERVICE, ground.url, ground.catalogue_path) as service,
        place.service(CHALLENGE_SERVICE, ground.url, _long_catalogue(place, ground)) as long_service,
    ):
        new, veterans = [f"new {player}" for player in ground.play.players], _store_veterans(ground)
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
    grown = ratio([(run.answer_bytes, other.answer_bytes) for run, other in longer])
    cpu = ratio([(run.cpu_us() / run.answer_bytes, other.cpu_us() / other.answer_bytes) for run, other in longer])
    table.add("length beside the shorter catalogue", grown.value, Unit.RATIO)
    table.add("CPU for each byte beside the shorter catalogue", cpu.value, Unit.RATIO, at_most(1.0), str(cpu))
    add_failures(table, [run for turns in (completed, longer) for pair in turns for run in pair])
    return table


def _add(table: Table, name: str, turns: Turns, other: str) -> None:
    table.add(f"CPU per list, {name}", median([run.cpu_us() for run, _ in turns]), Unit.MICROSECONDS)
    table.add(f"CPU per list, {other}", median([run.cpu_us() for _, run in turns]), Unit.MICROSECONDS)


def _listing(place: Workplace, service: ServerProcess, players: Sequence[str]) -> Callable[[], Run]:
    requests = [rpc.ListChallengesRequest(user_id=player).SerializeToString() for player in players]
    return lambda: place.play(service, LIST, requests, SATURATION, place.terms.turn, repeat=True)


def _long_catalogue(place: Workplace, ground: Ground) -> Path:
    """The load catalogue, and after its challenges others of their kind."""
    path = place.directory / "long.yaml"
    challenges = str(LONGER * len(ground.catalogue.challenges))
    command = [sys.executable, "catalogues/generate_load.py", "--challenges", challenges, "--output", str(path)]
    subprocess.run(command, cwd=ROOT, check=True)
    return path


def _store_veterans(ground: Ground) -> list[str]:
    """Store players who have completed every goal, each at another time."""
    veterans = [f"veteran {player}" for player in player_ids(VETERANS)]
    now = system_clock()
    with connected(ground.url) as connection:
        for number, veteran in enumerate(veterans):
            records = {
                CompletionKey(veteran, goal.id, LIFETIME_START, 1): record_of(goal, now - number - place * SECOND, None)
                for place, goal in enumerate(ground.catalogue.goals.values())
            }
            run_transaction(connection, partial(completions.insert_missing, records=records))
    return veterans
