"""Lists with goals that repeat or have tiers, half of them completed, compared with lists of goals with one step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.database import connected, statement
from bench.figures import Table, Unit, at_most
from bench.players import player_ids, store_veterans
from bench.services import CHALLENGE_SERVICE
from bench.tables.calls import add_medians, add_ratio, cpu_us
from bench.tables.lists import VETERANS, listing
from bench.workbench import Workbench
from shared.domain.goal import Goal
from shared.postgres.connection import Connection
from shared.postgres.statements import text_array
from shared.runtime.clock import system_clock

SEVERAL = 100
STEPS = 4
_COMPLETE = statement("complete_occurrences")


def measure_repeats(bench: Workbench) -> Table:
    """Measure CPU per list of players who have completed half of the steps of goals that repeat or have tiers."""
    table = Table(
        "repeats",
        "ListChallenges with goals that repeat or have tiers",
        f"Players with half of their goals completed; {SEVERAL} of the 500 goals repeat {STEPS} times or have {STEPS} "
        f"tiers, of which {STEPS // 2} are completed, compared with goals that are completed once. Alternating.",
    )
    # A goal keeps its kind for ever, so each catalogue has a database of its own.
    once = bench.empty_setup()
    repeating = bench.changed(bench.empty_setup(), "repeating", _repeat)
    tiered = bench.changed(bench.empty_setup(), "tiered", _divide)
    players = player_ids(VETERANS)
    for setup in (once, repeating, tiered):
        goals = [goal for goal in setup.catalogue.goals.values() if goal.steps > 1]
        expected = 0 if setup is once else SEVERAL
        table.check("goals with several steps are missing", int(len(goals) != expected), f"{len(goals)} of {expected}")
        with connected(setup.url) as connection:
            _complete(connection, players, goals)
        # The tallies are the same for all catalogues, and reach half of the steps.
        catalogue = repeating.catalogue if setup is tiered else setup.catalogue
        store_veterans(setup.url, catalogue, players, system_clock(), every=2)
    for kind, setup in (("repeat", repeating), ("have tiers", tiered)):
        with bench.service(CHALLENGE_SERVICE, once) as service, bench.service(CHALLENGE_SERVICE, setup) as other:
            pairs = bench.alternating(
                f"lists with goals that {kind}", listing(bench, other, players), listing(bench, service, players)
            )
        add_medians(table, "CPU per list", pairs, cpu_us, Unit.MICROSECONDS, f"{SEVERAL} goals {kind}", "none does")
        add_ratio(table, f"CPU if {SEVERAL} goals {kind}, relative to none", pairs, cpu_us, at_most(1.25))
    return table


def _repeat(document: Any) -> None:
    """Let goals on stats repeat. The players' tallies have reached the highest target of all goals."""
    target = _highest_target(document) * 2 // STEPS
    for goal in _changed_goals(document):
        goal |= {"target": target, "repeat": STEPS}


def _divide(document: Any) -> None:
    """Let the same goals have tiers, at the targets at which the others repeat."""
    target = _highest_target(document) * 2 // STEPS
    for goal in _changed_goals(document):
        del goal["target"]
        reward = goal.pop("reward")
        goal["tiers"] = [{"id": f"{n}", "target": n * target, "reward": reward} for n in range(1, STEPS + 1)]


def _highest_target(document: Any) -> int:
    return max(int(goal["target"]) for challenge in document["challenges"] for goal in challenge["goals"])


def _changed_goals(document: Any) -> list[Any]:
    goals = [goal for challenge in document["challenges"] for goal in challenge["goals"]]
    return [goal for goal in goals if goal["source"] == "stat"][:SEVERAL]


def _complete(connection: Connection, players: Sequence[str], goals: Sequence[Goal]) -> None:
    ids, challenges = text_array([goal.id for goal in goals]), text_array([goal.challenge_id for goal in goals])
    _COMPLETE.rows(connection, text_array(players), ids, challenges, STEPS // 2)
