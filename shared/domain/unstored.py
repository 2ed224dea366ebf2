"""Goals whose status calls for something that is not stored: a completion, or an automatic claim.

Events store the completions that they cause. A goal can also be satisfied without one: by a catalogue with a lower
target, or one that suspends the goal no longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from shared.domain.catalogue import Catalogue, Ladder
from shared.domain.claims import is_claimable
from shared.domain.crossing import crossed
from shared.domain.goal import Goal, Stat
from shared.domain.progress import PlayerView, TallyView, goal_status, is_completed
from shared.domain.schedules import LIFETIME
from shared.domain.tally import Measures

_NOTHING = Measures()
_NO_LADDERS: Mapping[Stat, tuple[Ladder, ...]] = {}


def unstored_completions(catalogue: Catalogue, view: PlayerView) -> list[Goal]:
    """Return the goals that are completed in the view without a stored completion.

    The cost depends on the number of completed goals, not on all of the catalogue's.
    """
    return [goal for goal in _reached(catalogue, view) if goal.id not in view.completions and is_completed(goal, view)]


def unclaimed_completions(catalogue: Catalogue, view: PlayerView) -> list[Goal]:
    """Return the goals that are claimed automatically, and whose stored completion can be claimed.

    After a refund only a call claims. The view does not tell, so such a goal is among them.
    """
    return [
        goal
        for goal in catalogue.auto_claimed.values()
        if (completion := view.completions.get(goal.id)) is not None
        and completion.claim_time is None
        and is_claimable(goal_status(goal, view, catalogue))
    ]


def _reached(catalogue: Catalogue, view: PlayerView) -> Iterator[Goal]:
    """Yield the goals whose target is reached in their current period, once for each rung, without suspended ones."""
    ladders = catalogue.ladders
    lifetime = ladders.get(LIFETIME.text, _NO_LADDERS)
    for stat, tally in view.tallies.items():
        yield from _goals_of(lifetime.get(stat, ()), tally)
    for (stat, schedule), tally in view.period_tallies.items():
        if schedule in view.periods and schedule not in view.ended:
            yield from _goals_of(ladders.get(schedule, _NO_LADDERS).get(stat, ()), tally)


def _goals_of(ladders: Iterable[Ladder], tally: TallyView) -> Iterator[Goal]:
    return (rung.goal for rung in crossed(ladders, _NOTHING, tally.measures))
