"""`ListChallenges`: all 500 goals of players with a history; completed goals, and a catalogue ten times as long."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace

from challenge.v1 import challenge_service_pb2 as rpc

from bench import services
from bench.correctness import is_whole
from bench.figures import Table, Unit, at_least, at_most, quotient
from bench.load import Run
from bench.players import player_ids, store_veterans
from bench.services import CHALLENGE_SERVICE, ROOT, ServerProcess
from bench.tables.calls import add_calls, add_medians, add_ratio, add_saturated, cpu_us
from bench.workplace import Ground, Workplace
from load_generator.plan import ClosedLoop
from shared.catalogue.loader import load
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
    with place.ground() as ground, place.service(CHALLENGE_SERVICE, ground) as service:
        requests = list(map(list_request, ground.play.shuffled()))
        steady = place.play_at(service, LIST, requests, RATE, repeat=True, keep_every=1)
        turn = place.terms.turn
        with place.running(services.empty_handler(steady.response_bytes)) as empty:
            turns = place.in_turns(
                "lists: saturated",
                lambda: place.play(service, LIST, requests, SATURATION, turn, repeat=True, keep_every=KEEP_EVERY),
                lambda: place.play(empty, LIST, requests, SATURATION, turn, repeat=True),
            )
    add_saturated(table, turns, at_least(0.5), at_least(0.5))
    table.add("length of a response", steady.response_bytes, Unit.BYTES)
    add_calls(table, f"at {RATE:g}/s", steady, p50=3.0, p95=8.0)
    kept = [response for run in (steady, *(run for run, _ in turns)) for response in run.responses.values()]
    broken = sum(not is_whole(response, ground.catalogue) for response in kept)
    table.check("incomplete lists", broken, f"of {len(kept):,} that were kept")
    return table


def list_request(player: str) -> bytes:
    """Return the encoded call that lists a player's challenges."""
    return rpc.ListChallengesRequest(user_id=player).SerializeToString()


def listing(place: Workplace, service: ServerProcess, players: Iterable[str]) -> Callable[[], Run]:
    """Return a function that lists the challenges of these players, saturated, for one turn."""
    requests = list(map(list_request, players))
    return lambda: place.play(service, LIST, requests, SATURATION, place.terms.turn, repeat=True)


VETERANS = 200
KEPT = 50
"""Number of veterans whose lists, of about 115 KB with what was read for them, fit the default of `KEPT_LISTS_MIB`."""
LONGER = 10
"""Factor by which the long catalogue is longer."""


def measure_list_sizes(place: Workplace) -> Table:
    """Measure CPU per list of veterans beside new players, and of a long catalogue beside the load catalogue."""
    table = Table(
        "list_sizes",
        "ListChallenges by length of the list",
        f"Saturated: {SATURATION.in_flight} calls in flight on {SATURATION.connections} connections, in turns. "
        f"Players list again and change nothing: the lists of {KEPT} of them are kept, but for the rows that say so.",
    )
    with (
        place.ground() as ground,
        place.service(CHALLENGE_SERVICE, ground) as service,
        place.service(CHALLENGE_SERVICE, ground, KEPT_LISTS_MIB="0") as forgetful,
        place.service(CHALLENGE_SERVICE, _with_long_catalogue(place, ground)) as long_service,
    ):
        players = ground.play.players
        new = [f"new {player}" for player in players]
        veterans = [f"veteran {player}" for player in player_ids(VETERANS)]
        halfway = [f"halfway {player}" for player in player_ids(VETERANS)]
        store_veterans(ground.url, ground.catalogue, veterans, system_clock())
        store_veterans(ground.url, ground.catalogue, halfway, system_clock(), every=2)
        completed = place.in_turns(
            "lists of veterans", listing(place, service, veterans[:KEPT]), listing(place, service, new[:KEPT])
        )
        half = place.in_turns(
            "lists halfway", listing(place, service, halfway[:KEPT]), listing(place, service, new[:KEPT])
        )
        made = place.in_turns(
            "lists of veterans, none kept", listing(place, forgetful, veterans), listing(place, forgetful, new)
        )
        half_made = place.in_turns(
            "lists halfway, none kept", listing(place, forgetful, halfway), listing(place, forgetful, new)
        )
        with place.running(services.empty_handler(completed[0][1].response_bytes)) as empty:
            first = place.in_turns("lists of new players", listing(place, service, new), listing(place, empty, new))
        longer = place.in_turns(
            "lists of a long catalogue", listing(place, long_service, players), listing(place, service, players)
        )
    goals = len(ground.catalogue.goals)
    add_medians(table, "CPU per list", completed, cpu_us, Unit.MICROSECONDS, f"{goals} completed goals", "a new player")
    add_ratio(table, "CPU beside a new player", completed, cpu_us, at_most(2.5))
    add_ratio(table, "CPU beside a new player, half of the goals completed", half, cpu_us, at_most(2.0))
    add_ratio(table, "CPU beside a new player, no list kept", made, cpu_us)
    add_ratio(table, "CPU beside a new player, half of the goals completed, no list kept", half_made, cpu_us)
    add_ratio(table, "CPU of a new player beside the empty handler", first, cpu_us, at_most(1.7))
    add_medians(
        table,
        "CPU per list",
        longer,
        cpu_us,
        Unit.MICROSECONDS,
        f"{LONGER * goals:,} goals in the catalogue",
        f"{goals} goals",
    )
    add_ratio(table, "length beside the shorter catalogue", longer, lambda run: run.response_bytes)
    add_ratio(table, "CPU per byte beside the shorter catalogue", longer, _cpu_per_byte, at_most(1.0))
    return table


def _cpu_per_byte(run: Run) -> float:
    return quotient(run.cpu_us(), run.response_bytes)


def _with_long_catalogue(place: Workplace, ground: Ground) -> Ground:
    """Return the ground with a catalogue that begins like the load catalogue and continues with similar challenges."""
    path = place.directory / "long.yaml"
    challenges = str(LONGER * len(ground.catalogue.challenges))
    command = [sys.executable, "catalogues/generate_load.py", "--challenges", challenges, "--output", str(path)]
    subprocess.run(command, cwd=ROOT, check=True)
    return replace(ground, catalogue=load(path), catalogue_path=path)
