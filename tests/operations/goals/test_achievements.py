"""Counted as completed and claimed is what is stored, whichever call or event has caused it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from prometheus_client import CollectorRegistry

from shared.domain.catalogue import Catalogue
from shared.domain.current_periods import current_periods
from shared.domain.events import Event
from shared.domain.grants import Granting
from shared.domain.instant import DAY
from shared.domain.reward import ClaimMode
from shared.operations.events.apply_events import apply_events
from shared.operations.goals.achievement_telemetry import AUTOMATIC, BY_CALL, AchievementTelemetry
from shared.operations.goals.activate import set_goal_active
from shared.operations.goals.initialize import initialize_player
from shared.operations.goals.keep_completions import keep_completions
from shared.operations.goals.select_goals import select_goals
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.claim_all import claim_all
from shared.postgres.database import Database
from shared.runtime.telemetry import Telemetry
from tests.support.databases import connected, flushed, soon
from tests.support.goals import CHALLENGE_ID, catalogue_of, goal
from tests.support.strategies import FIRST_DAY, KILLS

NOW = FIRST_DAY * DAY
PLAYER = "player"
GRANTING = Granting(NOW)
BY_EVENT, BY_HAND, ALSO_BY_HAND = goal("by event", target=1), goal("by hand", target=1), goal("by hand, too", target=1)
SWITCHED, SELECTED = (goal(f"{how} on", target=1, default_assigned=False) for how in ("switched", "selected"))
LOWERED = goal("lowered", target=9)
AUTOMATICALLY = (BY_EVENT, SWITCHED, SELECTED, LOWERED)
CATALOGUE = catalogue_of(BY_HAND, ALSO_BY_HAND, *(replace(each, claim_mode=ClaimMode.AUTO) for each in AUTOMATICALLY))


def with_lowered_target() -> Catalogue:
    goals = (replace(each, target=1) for each in CATALOGUE.goals.values())
    return catalogue_of(*goals)


def log_in(database: Database) -> None:
    catalogue = with_lowered_target()
    current = current_periods(catalogue, NOW)
    view = initialize_player(database, PLAYER, None, NOW, soon(), current).view
    keep_completions(database, catalogue, PLAYER, view, current, NOW, soon(), GRANTING)


def steps(database: Database) -> list[tuple[Callable[[], object], tuple[int, int, int]]]:
    """Return each way to complete and claim, with the totals after it: completed, claimed by calls, automatically."""
    goals, [challenge] = CATALOGUE.goals, CATALOGUE.challenges
    call = partial(claim_reward, database, CATALOGUE, PLAYER, goals["by hand"], "request", NOW, soon())
    switch = partial(set_goal_active, database, CATALOGUE, PLAYER, goals["switched on"], True, NOW, soon(), GRANTING)
    select = partial(
        select_goals, database, CATALOGUE, PLAYER, challenge, ["selected on"], False, None, NOW, soon(), GRANTING
    )
    everything = partial(claim_all, database, CATALOGUE, PLAYER, goals.values(), NOW, soon())
    event = partial(flushed, database, CATALOGUE, [Event("id", PLAYER, NOW, KILLS, delta=1)])
    return [
        (event, (3, 0, 1)),
        (event, (3, 0, 1)),
        (call, (3, 1, 1)),
        (call, (3, 1, 1)),
        (switch, (4, 1, 2)),
        (select, (5, 1, 3)),
        (everything, (5, 2, 3)),
        (everything, (5, 2, 3)),
        (partial(log_in, database), (6, 2, 4)),
        (partial(log_in, database), (6, 2, 4)),
    ]


def shown(registry: CollectorRegistry) -> tuple[int, int, int]:
    """Return the numbers of the metrics."""
    claims = (
        registry.get_sample_value("claims_total", {"challenge": CHALLENGE_ID, "by": by}) for by in (BY_CALL, AUTOMATIC)
    )
    completions = registry.get_sample_value("completions_total", {"challenge": CHALLENGE_ID})
    return int(completions or 0), *(int(each or 0) for each in claims)  # type: ignore[return-value]


def test_every_way_to_complete_and_claim_is_counted_once(database: Database, database_url: str) -> None:
    telemetry = Telemetry()
    database.achieved = AchievementTelemetry(telemetry).count
    for number, (step, expected) in enumerate(steps(database)):
        step()
        with connected(database_url) as connection:
            stored = connection.execute(
                "SELECT (SELECT count(*) FROM completion), (SELECT count(*) FROM reward_outbox)"
            ).fetchone()
        assert (number, shown(telemetry.registry)) == (number, expected)
        assert stored == (expected[0], expected[1] + expected[2])


def test_a_transaction_that_is_rolled_back_is_not_counted(database: Database) -> None:
    counted: list[object] = []
    database.achieved = counted.append
    event = Event("id", PLAYER, NOW, KILLS, delta=1)
    database.rehearse(lambda connection: apply_events(connection, CATALOGUE, [event], GRANTING), soon())
    assert counted == []
    flushed(database, CATALOGUE, [event])
    assert counted
