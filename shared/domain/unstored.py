"""Goals whose status calls for something that is not stored: a completion, or an automatic claim.

Events store the completions that they cause. A goal can also be satisfied without one: by a catalogue with a lower
target, or one that suspends the goal no longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from shared.domain.catalogue import Catalogue
from shared.domain.claims import is_claimable
from shared.domain.crossing import crossed
from shared.domain.goal import Goal, Stat
from shared.domain.ladders import Ladder
from shared.domain.player_view import PlayerView, TallyView
from shared.domain.progress import completed_occurrences, goal_status, is_active
from shared.domain.rungs import Rung
from shared.domain.schedules import LIFETIME
from shared.domain.tally import Measures

_NOTHING = Measures()
_NO_LADDERS: Mapping[Stat, tuple[Ladder, ...]] = {}


def unstored_completions(catalogue: Catalogue, view: PlayerView) -> list[Rung]:
    """Return the rungs that are completed in the view without a stored completion.

    The cost depends on the number of completed goals, not on all of the catalogue's.
    """
    return [
        rung
        for rung in _reached(catalogue, view)
        if not view.is_stored(*rung) and is_active(rung.goal, view.assignments.get(rung.goal.id), None, view.selected)
    ]


def unclaimed_completions(catalogue: Catalogue, view: PlayerView) -> list[Goal]:
    """Return the goals that are claimed automatically, and whose stored completion can be claimed.

    After a refund only a call claims. The view does not tell, so such a goal is among them.
    """
    return [
        goal
        for goal in catalogue.auto_claimed.values()
        if any(completion.claim_time is None for completion in view.occurrences_of(goal).values())
        and is_claimable(goal_status(goal, view, catalogue))
    ]


def _reached(catalogue: Catalogue, view: PlayerView) -> Iterator[Rung]:
    """Yield the rungs whose target is reached in their goal's current period, without suspended goals."""
    ladders = catalogue.ladders
    lifetime = ladders.get(LIFETIME.text, _NO_LADDERS)
    for stat, tally in view.tallies.items():
        yield from _reached_on(lifetime.get(stat, ()), tally)
    for (stat, schedule), tally in view.period_tallies.items():
        if schedule in view.periods and schedule not in view.ended:
            yield from _reached_on(ladders.get(schedule, _NO_LADDERS).get(stat, ()), tally)
    for goal in catalogue.off_ladders:
        yield from (Rung(goal, occurrence) for occurrence in completed_occurrences(goal, view))


def _reached_on(ladders: Iterable[Ladder], tally: TallyView) -> Sequence[Rung]:
    return crossed(ladders, _NOTHING, tally.measures)
