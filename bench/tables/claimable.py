"""`ListClaimable`: players who have claimed nothing in five weeks of daily goals."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from challenge.v1 import challenge_service_pb2 as rpc

from bench.database import connected
from bench.figures import Table, Unit
from bench.players import player_ids
from bench.services import CHALLENGE_SERVICE
from bench.tables.calls import add_calls
from bench.workbench import Workbench
from shared.domain.catalogue import Catalogue
from shared.domain.events import CompletionKey
from shared.domain.instant import Instant
from shared.domain.rotation import past_periods
from shared.domain.standings import record_of
from shared.postgres.goals import completions
from shared.postgres.transaction import run_transaction
from shared.runtime.clock import system_clock

LIST = "challenge.v1.ChallengeService/ListClaimable"
RATE = 100.0
PLAYERS = 100
GOALS = 50
"""Goals of the load catalogue's first challenge."""
GRACE_DAYS = 34
"""The longest grace of a daily schedule: with today there are 35 periods."""


def measure_claimable(bench: Workbench) -> Table:
    """Measure the first page of a player with as many rewards as there can be of one schedule and 50 goals."""
    rewards = GOALS * (GRACE_DAYS + 1)
    table = Table(
        "claimable",
        "ListClaimable",
        f"{PLAYERS} players with {rewards:,} unclaimed rewards: {GOALS} daily goals in {GRACE_DAYS + 1} periods. "
        "The first page has 100.",
    )
    setup, players = bench.changed(bench.empty_setup(), "claimable", _into_daily_goals), player_ids(PLAYERS)
    _store(setup.url, setup.catalogue, players, system_clock())
    with bench.service(CHALLENGE_SERVICE, setup) as service:
        requests = [rpc.ListClaimableRequest(user_id=player).SerializeToString() for player in players]
        run = bench.play_at(service, LIST, requests, RATE, repeat=True)
    add_calls(table, f"at {RATE:g}/s", run, p95=15.0)
    table.add("length of a response", run.response_bytes, Unit.BYTES)
    return table


def _into_daily_goals(document: Any) -> None:
    document["schedules"] = [{"id": "daily", "every": "day", "claim_grace": {"days": GRACE_DAYS}}]
    document["challenges"] = [document["challenges"][0] | {"schedule": "daily"}]
    for goal in document["challenges"][0]["goals"]:
        goal["default_assigned"] = True


def _store(url: str, catalogue: Catalogue, players: Sequence[str], now: Instant) -> None:
    """Complete every goal in the current and every past period, without claims."""
    goals = list(catalogue.goals.values())
    schedule = goals[0].schedule
    current = schedule.shown_at(now)
    periods = [*([] if current is None else [current]), *past_periods(schedule, now)]
    with connected(url) as connection:
        for player in players:
            records = {
                CompletionKey(player, goal.id, period.start, 1): record_of(goal, period.start, None, period.start)
                for period in periods
                for goal in goals
            }
            run_transaction(connection, partial(completions.insert_missing, records=records))
        connection.execute("VACUUM (ANALYZE)")
