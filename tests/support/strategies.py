"""Catalogues, events and players' views for property tests, with few ids and small numbers, so that values collide.

Strategies are built once and mapped to values: building them inside each draw takes longer than most tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from hypothesis import strategies as st

from shared.domain.catalogue import Catalogue, Challenge
from shared.domain.events import Event
from shared.domain.goal import AMOUNT_MAX, LOGIN, Counting, Goal, Source, Stat
from shared.domain.instant import DAY, HOUR, SECOND, Day, Instant
from shared.domain.reward import ClaimMode, Meta, Reward, RewardType, Tier
from shared.domain.schedules import DAILY, LIFETIME, WEEKLY, Schedule
from shared.domain.standings import Standing
from shared.domain.tally import SUM_MAX, Tally

FIRST_DAY: Day = 19_781
"""2024-02-28: the days drawn from here cross a leap day and the end of a month."""
DAYS = 5
GOALS_MAX = 7
COUNTINGS = (Counting.LATEST, Counting.HIGHEST, Counting.SUM, Counting.EVENTS, Counting.DAYS)
"""Those that need no attribute and no aspect of events."""

KILLS = Stat(Source.STAT, "kills")
QUOTED = Stat(Source.STAT, "\"it's: {won}\\")
LOGIN_STAT = Stat(Source.STAT, "login")
"""A stat with the same name as a source."""
STATS = (LOGIN, KILLS, QUOTED, LOGIN_STAT)
STAT_CODES = frozenset(stat.code for stat in STATS if stat.source is Source.STAT)

SCHEDULES = (LIFETIME, DAILY, WEEKLY)
REPEATS = (1, 1, 2, 3)

# The boundaries of days, and few enough moments that events tie.
_MOMENTS = (0, 1, 7 * HOUR, DAY - SECOND, DAY - 1)

meta_and_hidden = st.tuples(st.booleans(), st.sampled_from(((), (("", "x"), ("colour", "")))))
"""Hidden or not, and the meta of a goal."""
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
"""Anything that the contract and Postgres can carry."""
instants: st.SearchStrategy[Instant] = st.tuples(st.integers(0, DAYS - 1), st.sampled_from(_MOMENTS)).map(
    lambda drawn: (FIRST_DAY + drawn[0]) * DAY + drawn[1]
)
as_it_is_called = st.just("as it is called")
_no_extras: st.SearchStrategy[tuple[bool, Meta]] = st.just((False, ()))


# Events

_deltas = st.none() | st.integers(0, 4) | st.sampled_from((0, AMOUNT_MAX))
_values = st.none() | st.integers(-3, 9) | st.sampled_from((-AMOUNT_MAX, AMOUNT_MAX))
_changes = st.tuples(st.sampled_from(STATS[1:]), _deltas, _values).filter(lambda drawn: drawn[1:] != (None, None))
_payloads = st.just((LOGIN, None, None)) | _changes
_no_attributes: st.SearchStrategy[tuple[tuple[str, str], ...]] = st.just(())
_unlikely_ids = st.integers(0, 2**128).map(hex)


def events(
    user_ids: Sequence[str] = ("player",),
    event_ids: Sequence[str] = (),
    attributes: st.SearchStrategy[tuple[tuple[str, str], ...]] = _no_attributes,
) -> st.SearchStrategy[Event]:
    """Return a strategy of accepted events. Without `event_ids` to choose from, ids are practically unique."""
    ids = st.sampled_from(event_ids) if event_ids else _unlikely_ids
    return st.tuples(ids, st.sampled_from(user_ids), instants, _payloads, attributes).map(
        lambda drawn: Event(*drawn[:3], *drawn[3])._replace(attributes=drawn[4])
    )


# Tallies

_sums = st.sampled_from((0, 1, SUM_MAX - 1, SUM_MAX)) | st.integers(0, SUM_MAX)
_amounts = st.integers(-AMOUNT_MAX, AMOUNT_MAX) | st.integers(-2, 2)
# Few enough instants that newest values tie.
_times = st.integers(FIRST_DAY * DAY, FIRST_DAY * DAY + 2)
_extremes = st.none() | st.tuples(_amounts, _amounts, _times, st.none() | _times)
_day_sets = st.sets(st.integers(FIRST_DAY, FIRST_DAY + DAYS))


def _tally(
    total: int,
    count: int,
    extremes: tuple[int, int, Instant, Instant | None] | None,
    days: set[Day],
    sum_time: Instant | None,
    events_time: Instant | None,
    growth: int | None,
) -> Tally:
    if extremes is None:
        return Tally(total, count, days=days, sum_time=sum_time, events_time=events_time)
    latest, other, latest_time, highest_time = extremes
    highest = max(latest, other)
    if growth is not None:
        return Tally(
            growth, count, latest, latest_time, highest, days, None, events_time, highest_time, highest - growth
        )
    return Tally(total, count, latest, latest_time, highest, days, sum_time, events_time, highest_time)


_growths = st.none() | st.integers(0, 3) | st.just(3 * AMOUNT_MAX)
tallies = st.builds(
    _tally, _sums, st.integers(0, 2**40), _extremes, _day_sets, st.none() | _times, st.none() | _times, _growths
)
"""Any valid tally, including ones that only very many events could add up to."""


# Catalogues


class _Draft(NamedTuple):
    challenge: int
    watched: tuple[Stat, Counting]
    target: int
    reward: tuple[RewardType, int]
    default_assigned: bool
    requires: set[int]
    worth: tuple[int, tuple[str, ...]]
    schedule: Schedule
    suspended: bool
    claim_mode: ClaimMode
    repeat: int
    premium: tuple[str, ...]
    extras: tuple[bool, Meta]
    words: tuple[str, str, str]


_watched = st.sampled_from(
    [(stat, counting) for stat in STATS[1:] for counting in COUNTINGS]
    + [(LOGIN, counting) for counting in (Counting.EVENTS, Counting.DAYS)]
)
_targets = st.integers(1, 8) | st.just(AMOUNT_MAX)
_rewards = st.tuples(st.sampled_from(RewardType), st.sampled_from((1, AMOUNT_MAX)))
_worths = st.tuples(st.sampled_from((0, 1, 10, AMOUNT_MAX)), st.sampled_from(((), ("pvp",), ("pvp", "it's: {odd}\\"))))
_requires = st.sets(st.integers(0, GOALS_MAX), max_size=2)


def catalogues(
    goals_max: int = GOALS_MAX,
    wording: st.SearchStrategy[str] = as_it_is_called,
    schedules: Sequence[Schedule] = (LIFETIME,),
    claim_modes: Sequence[ClaimMode] = (ClaimMode.MANUAL,),
    repeats: Sequence[int] = (1,),
    premium: Sequence[tuple[str, ...]] = (("",),),
    extras: st.SearchStrategy[tuple[bool, Meta]] = _no_extras,
) -> st.SearchStrategy[Catalogue]:
    """Return a strategy of catalogues with one to three challenges, whose texts are drawn from `wording`.

    Prerequisites cross challenges. All stats are declared, so that each is tallied even if no goal uses it. With
    several `schedules` some goals are suspended, too. `premium` are the attributes that a goal's rewards may require.
    """
    words = st.tuples(wording, wording, wording)
    suspended = st.integers(0, 7).map(lambda drawn: drawn == 1) if len(schedules) > 1 else st.just(False)
    draft = st.builds(
        _Draft,
        st.integers(0, 2),
        _watched,
        _targets,
        _rewards,
        st.booleans(),
        _requires,
        _worths,
        st.sampled_from(schedules),
        suspended,
        st.sampled_from(claim_modes),
        st.sampled_from(repeats),
        st.sampled_from(premium),
        extras,
        words,
    )
    return st.lists(draft, min_size=1, max_size=goals_max).map(_catalogue)


def _catalogue(drafts: Sequence[_Draft]) -> Catalogue:
    goals: dict[int, list[Goal]] = {}
    for number, draft in enumerate(drafts):
        name, description, reward_id = draft.words
        goals.setdefault(draft.challenge, []).append(
            Goal(
                id=_goal_id(number),
                challenge_id=f"challenge {draft.challenge}",
                name=name,
                description=description,
                stat=draft.watched[0],
                counting=draft.watched[1],
                target=max(2, draft.target) if draft.repeat in TIERED else draft.target,
                reward=Reward(draft.reward[0], reward_id, draft.reward[1], requires_attribute=draft.premium[0]),
                default_assigned=draft.default_assigned,
                # Only goals before this one, so that there is no cycle.
                requires=tuple(_goal_id(required) for required in sorted(draft.requires) if required < number),
                points=draft.worth[0],
                tags=draft.worth[1],
                schedule=draft.schedule,
                suspended=draft.suspended,
                claim_mode=draft.claim_mode,
                repeat=draft.repeat if draft.repeat not in TIERED else 1,
                tiers=_tiers(draft, reward_id) if draft.repeat in TIERED else (),
                further_rewards=tuple(
                    Reward(draft.reward[0], reward_id, 1, requires_attribute=attribute)
                    for attribute in draft.premium[1:]
                ),
                hidden=draft.extras[0],
                meta=draft.extras[1],
            )
        )
    challenges = tuple(
        Challenge(of_one[0].challenge_id, of_one[0].name, of_one[0].description, tuple(of_one))
        for _, of_one in sorted(goals.items())
    )
    return Catalogue("drawn", challenges, STAT_CODES)


def _tiers(draft: _Draft, reward_id: str) -> tuple[Tier, ...]:
    """Return tiers up to the goal's target."""
    reward = Reward(draft.reward[0], reward_id, 1, requires_attribute=draft.premium[-1])
    first = Tier("first", max(1, draft.target // 2), (reward,), draft.worth[0], draft.extras[1])
    return first, Tier("last", max(2, draft.target), (reward, reward))


TIERED = (4,)
"""A drawn `repeat` that stands for two tiers instead."""


def _goal_id(number: int) -> str:
    return f"goal '{number}': \U0001f3c6"


def goal_of(catalogue: Catalogue) -> st.SearchStrategy[Goal]:
    """Return a strategy of the catalogue's goals."""
    return st.sampled_from(tuple(catalogue.goals.values()))


def with_goal(catalogue: Catalogue, goal: Goal) -> Catalogue:
    """Return the catalogue with one goal replaced by another definition of it."""
    challenges = tuple(
        replace(challenge, goals=tuple(goal if each.id == goal.id else each for each in challenge.goals))
        for challenge in catalogue.challenges
    )
    return replace(catalogue, challenges=challenges)


# Standings

_points = st.integers(-(2**40), 2**40) | st.sampled_from((-SUM_MAX, 0, SUM_MAX))
_counts = st.integers(0, 2**40)
standings = st.builds(
    Standing, _counts, st.integers(-3, 2**40), _points, st.none() | _times, st.none() | st.integers(0, 2**50), _counts
)
"""Any valid standing, including unrealistically great ones."""
