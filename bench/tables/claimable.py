"""`ListClaimable`: players who have claimed nothing in five weeks of daily goals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from challenge.v1 import challenge_service_pb2 as rpc

from bench import services
from bench.database import connected
from bench.figures import Table, Unit
from bench.load import POSTGRES
from bench.players import player_ids
from bench.services import CHALLENGE_SERVICE
from bench.tables.calls import add_failures, add_latency
from bench.workplace import Workplace
from load_generator.plan import OpenLoop
from shared.catalogue.loader import load
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
GRACE_DAYS = 34
"""The longest grace of a daily schedule: with today there are 35 periods."""


def measure_claimable(place: Workplace) -> Table:
    """Measure the first page of a player with as many rewards as there can be of one schedule and 50 goals."""
    rewards = GOALS * (GRACE_DAYS + 1)
    table = Table(
        "claimable",
        "ListClaimable",
        f"{PLAYERS} players with {rewards:,} unclaimed rewards: {GOALS} daily goals in {GRACE_DAYS + 1} periods. "
        "The first page has 100.",
    )
    path = _catalogue_file(place.directory / "claimable.json")
    url = place.empty_database()
    players = player_ids(PLAYERS)
    _store(url, load(path), players, system_clock())
    with place.running(services.service(CHALLENGE_SERVICE, url, path)) as service:
        place.say(f"claimable: open loop at {RATE:g}/s")
        requests = [rpc.ListClaimableRequest(user_id=player).SerializeToString() for player in players]
        run = place.play(service, LIST, requests, OpenLoop(rate=RATE), repeat=True)
    add_latency(table, f"at {RATE:g}/s", run, p95=15.0)
    table.add("CPU per call", run.cpu_us(), Unit.MICROSECONDS)
    table.add("CPU of Postgres per call", run.cpu_us(POSTGRES), Unit.MICROSECONDS)
    table.add("length of a response", run.response_bytes, Unit.BYTES)
    add_failures(table, [run])
    return table


def _catalogue_file(path: Path) -> Path:
    goals = [
        {
            "id": f"daily-{number:02}",
            "name": "Daily",
            "source": "stat",
            "stat": "wins",
            "count": "sum",
            "target": number + 1,
            "reward": {"type": "WALLET", "id": "GEMS", "quantity": 1},
            "default_assigned": True,
        }
        for number in range(GOALS)
    ]
    content = {
        "schedules": [{"id": "daily", "every": "day", "claim_grace": {"days": GRACE_DAYS}}],
        "challenges": [{"id": "daily", "name": "Daily", "schedule": "daily", "goals": goals}],
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


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
