"""Catalogues, events and players' views for property tests: few ids and small numbers, so that things meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from shared.domain.catalogue import (
    AMOUNT_MAX,
    LOGIN,
    Catalogue,
    Challenge,
    Counting,
    Goal,
    Reward,
    RewardType,
    Source,
    Stat,
)
from shared.domain.events import Event
from shared.domain.instant import DAY, HOUR, SECOND, Day, Instant
from shared.domain.progress import Assignment, Completion, PlayerView, TallyView
from shared.domain.tally import SUM_MAX, Measures, Tally

FIRST_DAY: Day = 19_781
"""2024-02-28: the days drawn from here on cross a leap day and the end of a month."""
DAYS = 5

KILLS = Stat(Source.STAT, "kills")
WINS = Stat(Source.STAT, "wins \"by:it's\"")
LOGIN_STAT = Stat(Source.STAT, "login")
"""A stat that shares its name with a source."""
STATS = (LOGIN, KILLS, WINS, LOGIN_STAT)

_LOGIN_COUNTINGS = (Counting.EVENTS, Counting.DAYS)

# The edges of days, and few enough moments that events tie.
_MOMENTS = (0, 1, 7 * HOUR, DAY - SECOND, DAY - 1)

instants: st.SearchStrategy[Instant] = st.builds(
    lambda day, moment: (FIRST_DAY + day) * DAY + moment, st.integers(0, DAYS - 1), st.sampled_from(_MOMENTS)
)
deltas = st.one_of(st.none(), st.integers(0, 4), st.sampled_from((0, AMOUNT_MAX)))
values = st.one_of(st.none(), st.integers(-3, 9), st.sampled_from((-AMOUNT_MAX, AMOUNT_MAX)))
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
"""Anything that the contract and Postgres can carry."""


@st.composite
def goals(draw: st.DrawFn, goal_id: str, challenge_id: str, earlier: Sequence[str]) -> Goal:
    """A goal whose prerequisites are earlier ones, so that there is no circle."""
    stat = draw(st.sampled_from(STATS))
    return Goal(
        id=goal_id,
        challenge_id=challenge_id,
        name=draw(texts),
        description=draw(texts),
        stat=stat,
        counting=draw(st.sampled_from(_LOGIN_COUNTINGS if stat == LOGIN else tuple(Counting))),
        target=draw(st.one_of(st.integers(1, 8), st.just(AMOUNT_MAX))),
        reward=Reward(draw(st.sampled_from(RewardType)), draw(texts), draw(st.integers(1, AMOUNT_MAX))),
        default_assigned=draw(st.booleans()),
        requires=tuple(draw(st.lists(st.sampled_from(earlier), unique=True, max_size=2))) if earlier else (),
    )


@st.composite
def catalogues(draw: st.DrawFn, goals_max: int = 7) -> Catalogue:
    """One to three challenges; prerequisites cross them. Every stat is wanted, if only because it is declared."""
    ids = [f"goal '{number}': \U0001f3c6" for number in range(draw(st.integers(1, goals_max)))]
    owners = [draw(st.integers(0, 2)) for _ in ids]
    made = [
        draw(goals(goal_id, f"challenge-{owner}", ids[:index]))
        for index, (goal_id, owner) in enumerate(zip(ids, owners, strict=True))
    ]
    challenges = tuple(
        Challenge(
            challenge_id,
            draw(texts),
            draw(texts),
            tuple(goal for goal in made if goal.challenge_id == challenge_id),
        )
        for challenge_id in sorted({goal.challenge_id for goal in made})
    )
    return Catalogue("drawn", challenges, frozenset(stat.code for stat in STATS if stat.source is Source.STAT))


@st.composite
def events(draw: st.DrawFn, user_ids: Sequence[str] = ("player",), event_ids: Sequence[str] = ()) -> Event:
    """An accepted event. Without `event_ids` to choose from, its id is unlikely to be another's."""
    ids = st.sampled_from(event_ids) if event_ids else st.uuids().map(str)
    stat = draw(st.sampled_from(STATS))
    amounts = (None, None) if stat == LOGIN else draw(st.tuples(deltas, values).filter(lambda pair: pair != (None, None)))
    return Event(draw(ids), draw(st.sampled_from(user_ids)), draw(instants), stat, *amounts)


@st.composite
def tallies(draw: st.DrawFn) -> Tally:
    """What events may add up to, also beyond what few of them can."""
    value = draw(st.integers(-AMOUNT_MAX, AMOUNT_MAX) | st.none())
    return Tally(
        sum=draw(st.sampled_from((0, 1, SUM_MAX - 1, SUM_MAX)) | st.integers(0, SUM_MAX)),
        events=draw(st.integers(0, 2**40)),
        latest=value,
        latest_time=None if value is None else draw(instants),
        highest=None if value is None else draw(st.integers(value, AMOUNT_MAX)),
        days=draw(st.sets(st.integers(FIRST_DAY, FIRST_DAY + DAYS))),
    )


@st.composite
def tally_views(draw: st.DrawFn) -> TallyView:
    """What a stored tally may tell: nothing of it is greater than what no value exceeds."""
    small = st.integers(0, 12)
    latest = draw(st.none() | st.integers(-3, 12))
    highest = None if latest is None else draw(st.integers(latest, 12))
    return TallyView(Measures(draw(small), draw(small), highest, draw(small)), latest)


@st.composite
def views(draw: st.DrawFn, catalogue: Catalogue) -> PlayerView:
    """Anything that may be stored of a player, also of goals that the catalogue no longer has."""
    goal_ids = st.sampled_from([*catalogue.goals, "a goal of the past"])
    assignments = st.builds(Assignment, st.booleans(), st.none() | instants, st.integers(0, 12))
    return PlayerView(
        draw(st.dictionaries(st.sampled_from(STATS), tally_views())),
        draw(st.dictionaries(goal_ids, assignments)),
        draw(st.dictionaries(goal_ids, st.builds(Completion, st.none() | instants, st.none() | instants))),
    )


def goal_of(catalogue: Catalogue) -> st.SearchStrategy[Goal]:
    """One of the catalogue's goals."""
    return st.sampled_from(tuple(catalogue.goals.values()))


def with_goal(catalogue: Catalogue, goal: Goal) -> Catalogue:
    """The catalogue with another definition of a goal that it has."""
    challenges = tuple(
        replace(challenge, goals=tuple(goal if each.id == goal.id else each for each in challenge.goals))
        for challenge in catalogue.challenges
    )
    return replace(catalogue, challenges=challenges)
