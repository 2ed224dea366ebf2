"""Lists with goals that repeat, half of whose occurrences are completed, beside lists of goals that do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.database import connected, statement
from bench.figures import Table, Unit, at_most
from bench.players import player_ids, store_veterans
from bench.services import CHALLENGE_SERVICE
from bench.tables.calls import add_medians, add_ratio, cpu_us
from bench.tables.lists import VETERANS, listing
from bench.workplace import Workplace
from shared.domain.goal import Goal
from shared.postgres.connection import Connection
from shared.postgres.statements import text_array
from shared.runtime.clock import system_clock

REPEATING = 100
REPEAT = 4
_COMPLETE = statement("complete_occurrences")


def measure_repeats(place: Workplace) -> Table:
    """Measure CPU per list of players who have completed half of the occurrences of goals that repeat."""
    table = Table(
        "repeats",
        "ListChallenges with goals that repeat",
        f"Players with half of their goals completed; {REPEATING} of the 500 goals repeat {REPEAT} times, of which "
        f"{REPEAT // 2} are completed, beside none that repeat. In turns.",
    )
    # A goal cannot start or cease to repeat, so each catalogue has a database of its own.
    ground = place.empty_ground()
    repeating = place.changed(place.empty_ground(), "repeating", _repeat)
    goals = [goal for goal in repeating.catalogue.goals.values() if goal.repeat > 1]
    players = player_ids(VETERANS)
    with connected(repeating.url) as connection:
        _complete(connection, players, goals)
    for each in (ground, repeating):
        store_veterans(each.url, each.catalogue, players, system_clock(), every=2)
    with place.service(CHALLENGE_SERVICE, ground) as service, place.service(CHALLENGE_SERVICE, repeating) as other:
        turns = place.in_turns(
            "lists with goals that repeat", listing(place, other, players), listing(place, service, players)
        )
    table.check("goals that repeat are missing", int(len(goals) != REPEATING), f"{len(goals)} of {REPEATING}")
    add_medians(table, "CPU per list", turns, cpu_us, Unit.MICROSECONDS, f"{REPEATING} goals repeat", "none does")
    add_ratio(table, "CPU beside goals that do not repeat", turns, cpu_us, at_most(1.25))
    return table


def _repeat(document: Any) -> None:
    """Let goals on stats repeat. The players' tallies have reached the highest target of all goals."""
    goals = [goal for challenge in document["challenges"] for goal in challenge["goals"]]
    target = max(goal["target"] for goal in goals) * 2 // REPEAT
    for goal in [goal for goal in goals if goal["source"] == "stat"][:REPEATING]:
        goal |= {"target": target, "repeat": REPEAT}


def _complete(connection: Connection, players: Sequence[str], goals: Sequence[Goal]) -> None:
    ids, challenges = text_array([goal.id for goal in goals]), text_array([goal.challenge_id for goal in goals])
    _COMPLETE.rows(connection, text_array(players), ids, challenges, REPEAT // 2)
