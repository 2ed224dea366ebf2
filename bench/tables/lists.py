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
from bench.workbench import Setup, Workbench
from load_generator.plan import ClosedLoop
from shared.catalogue.loader import load
from shared.runtime.clock import system_clock

LIST = "challenge.v1.ChallengeService/ListChallenges"
RATE = 300.0
SATURATION = ClosedLoop(in_flight=16)
KEEP_EVERY = 20
"""Lists of 50 KB that are kept of a saturated run; of the open loop all are kept."""


def measure_lists(bench: Workbench) -> Table:
    """Measure CPU and rate compared with an empty handler that returns as many bytes, and latency at a fixed rate."""
    table = Table(
        "lists",
        "ListChallenges, all goals of the load catalogue",
        f"{bench.scale.players:,} players with history, in random order. Saturated: {SATURATION.in_flight} calls in "
        f"flight on {SATURATION.connections} connections, alternating with the empty handler.",
    )
    with bench.setup() as setup, bench.service(CHALLENGE_SERVICE, setup) as service:
        requests = list(map(list_request, setup.play.shuffled()))
        steady = bench.play_at(service, LIST, requests, RATE, repeat=True, keep_every=1)
        length = bench.scale.short_run
        with bench.running(services.empty_handler(steady.response_bytes)) as empty:
            pairs = bench.alternating(
                "lists: saturated",
                lambda: bench.play(service, LIST, requests, SATURATION, length, repeat=True, keep_every=KEEP_EVERY),
                lambda: bench.play(empty, LIST, requests, SATURATION, length, repeat=True),
            )
    add_saturated(table, pairs, at_least(0.5), at_least(0.5))
    table.add("length of a response", steady.response_bytes, Unit.BYTES)
    add_calls(table, f"at {RATE:g}/s", steady, p50=3.0, p95=8.0)
    kept = [response for run in (steady, *(run for run, _ in pairs)) for response in run.responses.values()]
    broken = sum(not is_whole(response, setup.catalogue) for response in kept)
    table.check("incomplete lists", broken, f"of {len(kept):,} that were kept")
    return table


def list_request(player: str) -> bytes:
    """Return the encoded call that lists a player's challenges."""
    return rpc.ListChallengesRequest(user_id=player).SerializeToString()


def listing(bench: Workbench, service: ServerProcess, players: Iterable[str]) -> Callable[[], Run]:
    """Return a function that lists the challenges of these players, saturated, for one length."""
    requests = list(map(list_request, players))
    return lambda: bench.play(service, LIST, requests, SATURATION, bench.scale.short_run, repeat=True)


VETERANS = 200
KEPT = 50
"""Number of veterans whose lists, of about 115 KB with what was read for them, fit the default of `KEPT_LISTS_MIB`."""
LONGER = 10
"""Factor by which the long catalogue is longer."""


def measure_list_sizes(bench: Workbench) -> Table:
    """Measure CPU per list of veterans compared with new players, and of a long catalogue with the load catalogue."""
    table = Table(
        "list_sizes",
        "ListChallenges by length of the list",
        f"Saturated: {SATURATION.in_flight} calls in flight on {SATURATION.connections} connections, alternating. "
        f"Players list again and change nothing: the lists of {KEPT} of them are kept, but for the rows that say so.",
    )
    with (
        bench.setup() as setup,
        bench.service(CHALLENGE_SERVICE, setup) as service,
        bench.service(CHALLENGE_SERVICE, setup, KEPT_LISTS_MIB="0") as forgetful,
        bench.service(CHALLENGE_SERVICE, _with_long_catalogue(bench, setup)) as long_service,
    ):
        players = setup.play.players
        new = [f"new {player}" for player in players]
        veterans = [f"veteran {player}" for player in player_ids(VETERANS)]
        halfway = [f"halfway {player}" for player in player_ids(VETERANS)]
        store_veterans(setup.url, setup.catalogue, veterans, system_clock())
        store_veterans(setup.url, setup.catalogue, halfway, system_clock(), every=2)
        completed = bench.alternating(
            "lists of veterans", listing(bench, service, veterans[:KEPT]), listing(bench, service, new[:KEPT])
        )
        half = bench.alternating(
            "lists halfway", listing(bench, service, halfway[:KEPT]), listing(bench, service, new[:KEPT])
        )
        made = bench.alternating(
            "lists of veterans, none kept", listing(bench, forgetful, veterans), listing(bench, forgetful, new)
        )
        half_made = bench.alternating(
            "lists halfway, none kept", listing(bench, forgetful, halfway), listing(bench, forgetful, new)
        )
        with bench.running(services.empty_handler(completed[0][1].response_bytes)) as empty:
            first = bench.alternating("lists of new players", listing(bench, service, new), listing(bench, empty, new))
        longer = bench.alternating(
            "lists of a long catalogue", listing(bench, long_service, players), listing(bench, service, players)
        )
    goals = len(setup.catalogue.goals)
    add_medians(table, "CPU per list", completed, cpu_us, Unit.MICROSECONDS, f"{goals} completed goals", "a new player")
    add_ratio(table, "CPU relative to a new player's list", completed, cpu_us, at_most(2.5))
    add_ratio(table, "CPU relative to a new player's list, half of the goals completed", half, cpu_us, at_most(2.0))
    add_ratio(table, "CPU relative to a new player's list, no list kept", made, cpu_us)
    add_ratio(
        table, "CPU relative to a new player's list, half of the goals completed, no list kept", half_made, cpu_us
    )
    add_ratio(table, "CPU of a new player's list relative to the empty handler", first, cpu_us, at_most(1.7))
    add_medians(
        table,
        "CPU per list",
        longer,
        cpu_us,
        Unit.MICROSECONDS,
        f"{LONGER * goals:,} goals in the catalogue",
        f"{goals} goals",
    )
    add_ratio(table, "length relative to the shorter catalogue", longer, lambda run: run.response_bytes)
    add_ratio(table, "CPU per byte relative to the shorter catalogue", longer, _cpu_per_byte, at_most(1.0))
    return table


def _cpu_per_byte(run: Run) -> float:
    return quotient(run.cpu_us(), run.response_bytes)


def _with_long_catalogue(bench: Workbench, setup: Setup) -> Setup:
    """Return the setup with a catalogue that begins like the load catalogue and continues with similar challenges."""
    path = bench.directory / "long.yaml"
    challenges = str(LONGER * len(setup.catalogue.challenges))
    command = [sys.executable, "catalogues/generate_load.py", "--challenges", challenges, "--output", str(path)]
    subprocess.run(command, cwd=ROOT, check=True)
    return replace(setup, catalogue=load(path), catalogue_path=path)
