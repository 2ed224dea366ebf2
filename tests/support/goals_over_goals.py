"""Goals over goals and over points for property tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from shared.domain.cascades import counted_stat
from shared.domain.catalogue import Catalogue, Challenge
from shared.domain.goal import CountedGoals, Counting, Goal, Source
from shared.domain.reward import ClaimMode, Reward, RewardType
from shared.domain.schedules import LIFETIME, Schedule
from tests.support.naive_cascades import counts

OVER_MAX = 5


def goal_over(
    goal_id: str,
    counted: CountedGoals,
    target: int,
    *,
    source: Source = Source.GOAL,
    schedule: Schedule = LIFETIME,
    challenge_id: str = "over",
) -> Goal:
    """Return a goal over goals or over points, active by default."""
    reward = Reward(RewardType.WALLET, "GEMS", 10)
    counting = Counting.SUM if source is Source.POINTS else Counting.EVENTS
    stat = counted_stat(source, counted)
    return Goal(
        goal_id,
        challenge_id,
        "Over",
        "",
        stat,
        counting,
        target,
        reward,
        default_assigned=True,
        schedule=schedule,
        counts=counted,
    )


@st.composite
def with_goals_over_goals(draw: st.DrawFn, catalogue: Catalogue, schedules: Sequence[Schedule]) -> Catalogue:
    """Draw the catalogue with a further challenge of goals that count completions of goals before them.

    Each has one of `schedules` that the loader would accept for it.
    """
    before = list(catalogue.goals.values())
    over: list[Goal] = []
    for number in range(draw(st.integers(1, OVER_MAX))):
        source = draw(st.sampled_from((Source.GOAL, Source.GOAL, Source.POINTS)))
        kind = draw(st.sampled_from(("challenge", "tag", "all" if source is Source.POINTS else "list")))
        if kind == "challenge":
            counted = CountedGoals(challenge_id=draw(st.sampled_from(before)).challenge_id)
        elif kind == "tag":
            counted = CountedGoals(tag="pvp")
        elif kind == "list":
            ids = draw(st.sets(st.sampled_from([goal.id for goal in (*before, *over)]), min_size=1, max_size=4))
            counted = CountedGoals(goal_ids=tuple(sorted(ids)))
        else:
            counted = CountedGoals()
        goal = goal_over(f"over {number}", counted, draw(st.integers(1, 4)), source=source)
        seen = [other for other in (*before, *over) if counts(goal, other)]
        allowed = [
            schedule
            for schedule in schedules
            if schedule == LIFETIME
            or (
                all(other.schedule.by_player or not schedule.by_player for other in seen if other.schedule != LIFETIME)
                and all(other.schedule != LIFETIME for other in seen)
            )
        ]
        over.append(
            replace(
                goal,
                schedule=draw(st.sampled_from(([*allowed, *allowed[1:]] or [LIFETIME])[-3:])),
                default_assigned=draw(st.integers(0, 3)) > 0,
                suspended=draw(st.integers(0, 9)) == 0,
                claim_mode=draw(st.sampled_from(ClaimMode)),
                requires=draw(st.sampled_from([(), (), (before[0].id,)])),
            )
        )
    return replace(catalogue, challenges=(*catalogue.challenges, Challenge("over", "Over", "", tuple(over))))
