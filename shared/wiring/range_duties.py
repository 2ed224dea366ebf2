"""Duties that pass through all players in small steps, and stop between two of them."""

from __future__ import annotations

import threading
import time

from shared.domain.catalogue import Catalogue
from shared.domain.instant import SECOND, Microseconds
from shared.operations import player_sweep
from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.operations.events.event_horizon import EventHorizon
from shared.operations.events.prune_tallies import PRUNE_INTERVAL_S, RANGE_TIMEOUT_S, TallyPruning
from shared.operations.goals.pack_completions import PACK_INTERVAL_S, CompletionPacking
from shared.operations.goals.retain_completions import RETAIN_INTERVAL_S, STEP_TIMEOUT_S, CompletionRetention
from shared.operations.rewards.move_grants import MOVE_INTERVAL_S, MOVE_STEP_TIMEOUT_S, GrantMoves
from shared.operations.rewards.retain_claims import DELETE_INTERVAL_S, DELETE_STEP_TIMEOUT_S, ClaimRetention
from shared.operations.statistics.challenge_reports import COUNT_INTERVAL_S, ChallengeCount, last_count_time
from shared.postgres.database import Database
from shared.postgres.player_sweeps import CHALLENGE_COUNT, COMPLETION_PACKING
from shared.rpc.encoded_catalogue import EncodedCatalogue
from shared.runtime.clocks import Clocks
from shared.runtime.process_name import ProcessName
from shared.runtime.service import Process
from shared.wiring.sweep_telemetry import show_sweep


def start_completion_retention(
    live: LiveCatalogue[Catalogue], database: Database, retention: Microseconds, clocks: Clocks, process: Process
) -> None:
    """Start the duty. While the clocks differ, it does nothing."""
    stopping = threading.Event()
    keeping = CompletionRetention(database, retention, stopping.wait)
    carried = process.telemetry.counter("completions_carried_forward", "Completions of past periods carried forward.")

    def one_pass() -> None:
        in_use = live.in_use
        if in_use is not None and clocks.wait_until_compared() and clocks.agreed:
            carried.inc(keeping.one_pass(in_use.prepared, clocks.earliest()))

    process.duties.start("carry completions forward", RETAIN_INTERVAL_S, one_pass, pass_s=STEP_TIMEOUT_S)
    # Stopped before the duty, which then ends after the current step.
    process.lifecycle.on_stop("retention", stopping.set)


def start_completion_packing(
    live: LiveCatalogue[Catalogue], database: Database, age: Microseconds, clocks: Clocks, process: Process
) -> None:
    """Start the duty. While the clocks differ, it does nothing."""
    stopping = threading.Event()
    packed = process.telemetry.counter("completions_packed", "Claimed completions packed by COMPLETION_PACK_D.")
    packing = CompletionPacking(database, age, str(ProcessName()), clocks.earliest, stopping.wait, packed.inc)
    show_sweep(process, COMPLETION_PACKING, packing.sweep)

    def one_pass() -> None:
        in_use = live.in_use
        if in_use is not None and clocks.wait_until_compared() and clocks.agreed:
            packing.one_pass(in_use.prepared)

    process.duties.start("pack completions", PACK_INTERVAL_S, one_pass, pass_s=player_sweep.STEP_TIMEOUT_S)
    # Stopped before the duty, which then ends after the current step.
    process.lifecycle.on_stop("packing", stopping.set)


def start_claim_retention(
    database: Database, claims: Microseconds, audits: Microseconds, clocks: Clocks, process: Process
) -> None:
    """Start the duty. While the clocks differ, it does nothing."""
    stopping = threading.Event()
    keeping = ClaimRetention(database, claims, audits, stopping.wait)
    deleted = process.telemetry.counter("claims_deleted", "Settled claims deleted by CLAIM_RETENTION_D.")

    def one_pass() -> None:
        if clocks.wait_until_compared() and clocks.agreed:
            deleted.inc(keeping.one_pass(clocks.earliest()))

    process.duties.start("delete old claims", DELETE_INTERVAL_S, one_pass, pass_s=DELETE_STEP_TIMEOUT_S)
    # Stopped before the duty, which then ends after the current step.
    process.lifecycle.on_stop("retention of claims", stopping.set)


def start_grant_moves(
    database: Database, kept: Microseconds, retention: Microseconds, clocks: Clocks, process: Process
) -> None:
    """Start the duty. While the clocks differ, it does nothing."""
    stopping = threading.Event()
    moved = process.telemetry.counter("grants_moved", "Settled grants moved from the outbox to the history.")
    moving = GrantMoves(database, kept, retention, stopping.wait, moved.inc)
    process.telemetry.gauge(
        "grants_left_to_move", "Settled grants that should have left the outbox, up to 100,000.", lambda: moving.left
    )
    process.telemetry.gauge(
        "grant_moves_behind_seconds",
        "Time for which the oldest of the grants that should have left the outbox is there.",
        lambda: moving.behind_s,
    )

    def one_pass() -> None:
        if clocks.wait_until_compared() and clocks.agreed:
            moving.one_pass(clocks.earliest())

    process.duties.start("move settled grants", MOVE_INTERVAL_S, one_pass, pass_s=MOVE_STEP_TIMEOUT_S)
    # Stopped before the duty, which then ends after the current step.
    process.lifecycle.on_stop("moves of grants", stopping.set)


def start_tally_pruning(
    live: LiveCatalogue[Catalogue], database: Database, horizon: EventHorizon, clocks: Clocks, process: Process
) -> None:
    """Start the duty. While the clocks differ or the horizons of other handlers are unknown, it deletes nothing."""
    stopping = threading.Event()
    pruning = TallyPruning(database, stopping.wait)
    pruned = process.telemetry.counter("tallies_pruned", "Tallies of past periods deleted.")

    def one_pass() -> None:
        in_use = live.in_use
        if in_use is not None and clocks.wait_until_compared() and clocks.agreed and horizon.known:
            pruned.inc(pruning.one_pass(in_use.prepared, horizon.window.horizon, clocks.earliest()))

    process.duties.start("prune tallies", PRUNE_INTERVAL_S, one_pass, pass_s=RANGE_TIMEOUT_S)
    # Stopped before the duty, which then ends after the current range of players.
    process.lifecycle.on_stop("pruning", stopping.set)


READ_TIMEOUT_S = 2.0


def start_challenge_counting(
    catalogue: LiveCatalogue[EncodedCatalogue], database: Database, clocks: Clocks, process: Process
) -> None:
    """Count challenges in the background, and export when any process last counted them."""
    counted_s = 0.0
    stopping = threading.Event()
    counting = ChallengeCount(database, str(ProcessName()), clocks.earliest, stopping.wait)
    show_sweep(process, CHALLENGE_COUNT, counting.sweep)
    process.telemetry.gauge(
        "challenge_report_timestamp_seconds",
        "When challenges were last counted, in seconds since 1970.",
        lambda: counted_s,
    )

    def one_pass() -> None:
        nonlocal counted_s
        in_use = catalogue.in_use
        if in_use is None:
            return
        counting.one_pass(in_use.prepared.catalogue)
        counted_s = (last_count_time(database, time.monotonic() + READ_TIMEOUT_S) or 0) / SECOND

    process.duties.start("count challenges", COUNT_INTERVAL_S, one_pass, pass_s=player_sweep.STEP_TIMEOUT_S)
    # Stopped before the duty, which then ends after the current step.
    process.lifecycle.on_stop("counting", stopping.set)
