"""Stories of two players, for property tests: a catalogue, and what happens to its goals step by step."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from hypothesis import strategies as st

from shared.domain.catalogue import Catalogue
from shared.domain.events import Event
from shared.domain.goal import AMOUNT_MAX, LOGIN, Goal
from shared.domain.instant import DAY, HOUR, Instant
from shared.domain.leaderboard import Leaderboard, LeaderboardMeasure
from shared.domain.recurrence import Every, Recurrence
from shared.domain.reward import ClaimMode
from shared.domain.schedules import CLAIM_GRACE_DEFAULT, DAILY, LIFETIME, MONTHLY, WEEKLY, Schedule, Season, SeasonRun
from shared.domain.standings import EVERYTHING, Scope, ScopeKind
from shared.domain.windows import Window
from tests.support.further_countings import MAPS, reloaded, with_further_countings
from tests.support.goals_over_goals import with_goals_over_goals
from tests.support.strategies import FIRST_DAY, KILLS, catalogues, events, goal_of, instants, with_goal

PLAYERS = ("ann", "bob")
# Few enough that an id comes again: as a repetition, with another content, and on another day.
EVENT_IDS = tuple(f"event '{number}'" for number in range(12))
ZONES = ("Asia/Tokyo", "Pacific/Kiritimati", "Etc/GMT+12", "Europe/Paris")
OWN_DAY = Schedule(Recurrence(Every.DAY, by_player=True))
WINDOWS = (
    Schedule(Recurrence(Every.DAY), window=Window(opens=7 * 60, closes=8 * 60)),
    Schedule(Recurrence(Every.WEEK), window=Window((3, 5, 6), opens=7 * 60)),
)
"""An hour of each day, and some days until midnight."""
FIRST: Instant = FIRST_DAY * DAY
NOW: Instant = (FIRST_DAY + 10) * DAY

BOARDS = (
    Leaderboard("week", "Week", "", LeaderboardMeasure.POINTS, EVERYTHING, WEEKLY),
    Leaderboard("pvp", "Day", "", LeaderboardMeasure.POINTS, Scope(ScopeKind.TAG, "pvp"), DAILY),
    Leaderboard("kills", "Kills", "", LeaderboardMeasure.SUM, KILLS, MONTHLY),
)


class Report(NamedTuple):
    """A batch of events."""

    events: list[Event]


class Switch(NamedTuple):
    """A player activates or deactivates a goal."""

    player: str
    goal: Goal
    active: bool


class Take(NamedTuple):
    """A player claims."""

    player: str
    goal: Goal


class Undo(NamedTuple):
    """An operator refunds a claim, if there is one."""

    player: str
    goal: Goal


class Wait(NamedTuple):
    """Players look from now on at this instant."""

    now: Instant


class Name(NamedTuple):
    """A player names a time zone, some time after all that has happened so far."""

    player: str
    zone: str
    later: Instant


class Adjust(NamedTuple):
    """An operator adjusts points."""

    player: str
    points: int


class Reload(NamedTuple):
    """A later version of the catalogue is taken into use."""

    catalogue: Catalogue


Step: TypeAlias = Report | Switch | Take | Undo | Wait | Adjust | Name | Reload


class Story(NamedTuple):
    """A catalogue, and steps to do in their order."""

    catalogue: Catalogue
    steps: list[Step]


_players = st.sampled_from(PLAYERS)
_batches = st.lists(events(PLAYERS, EVENT_IDS), min_size=1, max_size=8)
_reports = st.builds(Report, _batches)
_points = st.sampled_from((-AMOUNT_MAX, -7, 3, AMOUNT_MAX))


def easily_completed(catalogue: Catalogue) -> Catalogue:
    """Return the catalogue with goals that one or two events complete, for players who choose nothing."""
    for goal in catalogue.goals.values():
        catalogue = with_goal(catalogue, replace(goal, target=1 + goal.target % 2, default_assigned=True))
    return catalogue


_names = st.builds(Name, _players, st.sampled_from(ZONES), st.sampled_from((0, 3 * HOUR, 15 * HOUR)))


def steps_of(catalogue: Catalogue, nows: st.SearchStrategy[Instant]) -> st.SearchStrategy[Step]:
    goals = goal_of(catalogue)
    return (
        _reports
        | _reports
        | st.builds(Switch, _players, goals, st.booleans())
        | st.builds(Take, _players, goals)
        | st.builds(Undo, _players, goals)
        | st.builds(Wait, nows)
        | st.builds(Adjust, _players, _points)
    )


_schedules = (LIFETIME, DAILY, MONTHLY)
_claim_modes = tuple(ClaimMode)
_nows = instants | st.just(NOW)


@st.composite
def stories(draw: st.DrawFn, *, over_goals: bool = False) -> Story:
    """Draw a catalogue with schedules, and the steps of two players. Some goals may be `over_goals` and over points."""
    catalogue = draw(catalogues(schedules=_schedules, claim_modes=_claim_modes))
    if over_goals:
        catalogue = draw(with_goals_over_goals(easily_completed(catalogue), (LIFETIME, DAILY, WEEKLY, MONTHLY)))
    return Story(_ranked(catalogue), draw(st.lists(steps_of(catalogue, _nows), min_size=1, max_size=12)))


@st.composite
def stories_of_countings(draw: st.DrawFn) -> Story:
    """Draw the same with goals that count in every way, and with reloads."""
    plain = draw(catalogues(schedules=(LIFETIME, DAILY, WEEKLY), claim_modes=_claim_modes))
    catalogue = _ranked(draw(with_further_countings(plain)))
    reports = st.builds(Report, st.lists(events(PLAYERS, EVENT_IDS, MAPS), min_size=1, max_size=8))
    steps = reports | steps_of(catalogue, _nows) | reports | st.builds(Reload, reloaded(catalogue))
    return Story(catalogue, draw(st.lists(steps, min_size=1, max_size=14)))


@st.composite
def arrivals_of_countings(draw: st.DrawFn) -> tuple[Story, list[Event]]:
    """Draw switches of goals that count in every way, and the events that arrive after them."""
    plain = draw(catalogues(schedules=(LIFETIME, DAILY, WEEKLY), claim_modes=_claim_modes))
    catalogue = _ranked(draw(with_further_countings(plain)))
    switches = draw(st.lists(st.builds(Switch, _players, goal_of(catalogue), st.booleans()), max_size=6))
    arriving = st.lists(events(PLAYERS, (), MAPS), min_size=1, max_size=15, unique_by=lambda event: event.event_id)
    return Story(catalogue, [*switches]), draw(arriving)


@st.composite
def stories_in_zones(draw: st.DrawFn) -> Story:
    """Draw the same with goals by the days of the zones that the players name."""
    catalogue = easily_completed(draw(catalogues(schedules=(DAILY, OWN_DAY, OWN_DAY), claim_modes=_claim_modes)))
    steps = steps_of(catalogue, _nows) | _names
    return Story(_ranked(catalogue), _begin_with_names(draw, st.lists(steps, min_size=1, max_size=12)))


@st.composite
def stories_in_seasons(draw: st.DrawFn) -> Story:
    """Draw the same with goals whose season returns, or whose window opens and closes."""
    catalogue, runs = draw(_seasonal_catalogues())
    ends = [run.end + late for run in runs for late in (0, CLAIM_GRACE_DEFAULT)]
    steps = steps_of(catalogue, _nows | st.sampled_from(ends)) | _names
    lates = st.sampled_from((0, CLAIM_GRACE_DEFAULT - 1, CLAIM_GRACE_DEFAULT))
    # Combinations that hardly ever come about by chance.
    last_moments = st.builds(_last_moments, _players, goal_of(catalogue), st.sampled_from(runs), lates, st.booleans())
    scenes = steps.map(lambda step: [step]) | last_moments
    played = st.lists(scenes, min_size=1, max_size=8).map(lambda scenes: [step for scene in scenes for step in scene])
    return Story(_ranked(catalogue), _begin_with_names(draw, played))


def _last_moments(player: str, goal: Goal, run: SeasonRun, late: Instant, off: bool) -> list[Step]:
    """Return events at the very end of a run, and what a player does after it: claim, or activate what was off."""
    amount = None if goal.stat == LOGIN else 2
    last = [Event(f"{run.end} {number}", player, run.end - 1, goal.stat, amount, amount) for number in range(2)]
    report, wait = Report(last), Wait(run.end + late)
    if off:
        return [Switch(player, goal, False), report, wait, Switch(player, goal, True)]
    return [report, wait, Take(player, goal)]


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[Story, list[Event]]:
    """Draw a story without events, with schedules of every kind, and the events that arrive after it."""
    catalogue, _ = draw(_seasonal_catalogues())
    catalogue = draw(with_goals_over_goals(catalogue, (LIFETIME, WEEKLY, OWN_DAY)))
    goals = goal_of(catalogue)
    switches: st.SearchStrategy[list[Step]] = st.lists(st.builds(Switch, _players, goals, st.booleans()), max_size=4)
    distinct = st.lists(events(PLAYERS), min_size=1, max_size=15, unique_by=lambda event: event.event_id)
    return Story(_ranked(catalogue), _begin_with_names(draw, switches)), draw(distinct)


def _begin_with_names(draw: st.DrawFn, steps: st.SearchStrategy[list[Step]]) -> list[Step]:
    # Most zones are named before the events come: an event moves the next one to a later time.
    return [*draw(st.lists(_names, max_size=8)), *draw(steps)]


@st.composite
def _seasonal_catalogues(draw: st.DrawFn) -> tuple[Catalogue, tuple[SeasonRun, ...]]:
    """Draw a catalogue with runs of a season, days within them and windows; and these runs."""
    bounds = draw(st.lists(instants, min_size=2, max_size=6, unique=True))
    runs = tuple(SeasonRun(*bounds) for bounds in zip(*[iter(sorted(bounds))] * 2, strict=False))
    season = Season("winter; a season", runs)
    schedules = (
        Schedule(season=season),
        Schedule(DAILY.recurrence, season=season),
        Schedule(OWN_DAY.recurrence, season=season),
        Schedule(DAILY.recurrence, window=WINDOWS[0].window, season=season),
        *WINDOWS,
        OWN_DAY,
        LIFETIME,
    )
    catalogue = draw(catalogues(schedules=schedules, claim_modes=_claim_modes))
    return easily_completed(catalogue), runs


def _ranked(catalogue: Catalogue) -> Catalogue:
    return replace(catalogue, leaderboards=BOARDS)


def shuffled_batches(reported: Sequence[Event], chance: random.Random) -> list[list[Event]]:
    """Return all events at least once and some twice, in random order and batches."""
    arriving = [*reported, *chance.choices(reported, k=chance.randrange(len(reported) + 1))]
    chance.shuffle(arriving)
    batches = []
    while arriving:
        size = chance.randint(1, len(arriving))
        batches.append(arriving[:size])
        arriving = arriving[size:]
    return batches
