"""The operations against a naive model that keeps every event and computes everything by definition.

Random catalogues with every counting, schedules and prerequisites; batches with repetitions, collisions of ids, in any
order and over several days; activations, deactivations, claims, refunds and adjusted points between them, at instants
before and after the events; time zones that players name before and after events that count by their own days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import NamedTuple, TypeAlias
from uuid import UUID, uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.catalogue import Catalogue
from shared.domain.current_periods import current_periods
from shared.domain.errors import ChallengeError
from shared.domain.events import CompletionKey, Event
from shared.domain.goal import AMOUNT_MAX, ClaimMode, Goal
from shared.domain.grant_changes import Act, refunded
from shared.domain.instant import DAY, HOUR, Instant
from shared.domain.leaderboard import Leaderboard, LeaderboardMeasure
from shared.domain.player_zones import NO_ZONES
from shared.domain.progress import goal_status
from shared.domain.recurrence import Every, Recurrence
from shared.domain.schedules import DAILY, LIFETIME, MONTHLY, WEEKLY, Schedule
from shared.domain.standings import EVERYTHING, Scope, ScopeKind, Standing
from shared.operations.goals.activate import set_goal_active
from shared.operations.goals.initialize import initialize_player
from shared.operations.goals.view_player import view_player
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.grant_admin import OperatorAction, perform
from shared.operations.statistics.adjust_points import adjust_points
from shared.operations.statistics.player_statistics import read_player_statistics
from shared.operations.statistics.recalculate import recalculate
from shared.postgres.database import Database
from shared.postgres.statistics.adjustments import NotedAdjustment
from tests.support.databases import flushed, soon
from tests.support.naive_model import ZONE_INTERVAL, Completed, NaiveModel
from tests.support.strategies import FIRST_DAY, KILLS, catalogues, events, goal_of, instants, with_goal

PLAYERS = ("ann", "bob")
# Few enough that an id comes again: as a repetition, with another content, and on another day.
EVENT_IDS = tuple(f"event '{number}'" for number in range(12))
ZONES = ("Asia/Tokyo", "Pacific/Kiritimati", "Etc/GMT+12", "Europe/Paris")
OWN_DAY = Schedule(Recurrence(Every.DAY, by_player=True))
FIRST = FIRST_DAY * DAY
NOW = (FIRST_DAY + 10) * DAY

BOARDS = (
    Leaderboard("week", "Week", "", LeaderboardMeasure.POINTS, EVERYTHING, WEEKLY),
    Leaderboard("pvp", "Day", "", LeaderboardMeasure.POINTS, Scope(ScopeKind.TAG, "pvp"), DAILY),
    Leaderboard("kills", "Kills", "", LeaderboardMeasure.SUM, KILLS, MONTHLY),
)

CLAIMS = (
    b"SELECT user_id, goal_id, microseconds(period_start), grant_id FROM completion"
    b" JOIN reward_outbox USING (user_id, goal_id, period_start, occurrence, claim_number)"
    b" WHERE claim_time IS NOT NULL AND starts_with(user_id, $1)"
)

histories = (f"history {number}, " for number in count())
"""Each example has players of its own, so that all share one database."""


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


Step: TypeAlias = Report | Switch | Take | Undo | Wait | Adjust | Name

_players = st.sampled_from(PLAYERS)
_batches = st.lists(events(PLAYERS, EVENT_IDS), min_size=1, max_size=8)
_reports = st.builds(Report, _batches)
_points = st.sampled_from((-AMOUNT_MAX, -7, 3, AMOUNT_MAX))


def easily_completed(catalogue: Catalogue) -> Catalogue:
    """Return the catalogue with goals that one or two events complete, for players who choose nothing."""
    for goal in catalogue.goals.values():
        catalogue = with_goal(catalogue, replace(goal, target=1 + goal.target % 2, default_assigned=True))
    return catalogue


@st.composite
def stories(draw: st.DrawFn, *, own_days: bool = False) -> tuple[Catalogue, list[Step]]:
    """Draw a catalogue and the steps of two players; with `own_days` goals by the days of the zones that they name."""
    schedules = (DAILY, OWN_DAY, OWN_DAY) if own_days else (LIFETIME, DAILY, MONTHLY)
    catalogue = replace(draw(catalogues(schedules=schedules, claim_modes=tuple(ClaimMode))), leaderboards=BOARDS)
    if own_days:
        catalogue = easily_completed(catalogue)
    goals = goal_of(catalogue)
    step: st.SearchStrategy[Step] = (
        _reports
        | _reports
        | st.builds(Switch, _players, goals, st.booleans())
        | st.builds(Take, _players, goals)
        | st.builds(Undo, _players, goals)
        | st.builds(Wait, instants | st.just(NOW))
        | st.builds(Adjust, _players, _points)
    )
    if own_days:
        # Most zones are named before the events come: an event moves the next one to a later time.
        names = st.builds(Name, _players, st.sampled_from(ZONES), st.sampled_from((0, 3 * HOUR, 15 * HOUR)))
        return catalogue, [*draw(st.lists(names, max_size=8)), *draw(st.lists(step | names, min_size=1, max_size=12))]
    return catalogue, draw(st.lists(step, min_size=1, max_size=12))


class System:
    """The real operations, with the players of one example."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self.database = database
        self.catalogue = catalogue
        self.prefix = next(histories)
        self.now = FIRST
        self.named: list[CompletionKey] = []

    def report(self, batch: Sequence[Event]) -> tuple[list[object], set[Completed]]:
        """Return the verdicts and the completions."""
        sent = [event._replace(user_id=self.prefix + event.user_id) for event in batch]
        outcomes = flushed(self.database, self.catalogue, sent, self.now)
        completed = [key for outcome in outcomes for key in outcome.completions]
        for event, outcome in zip(sent, outcomes, strict=True):
            assert all(key.user_id == event.user_id for key in outcome.completions)
            assert all(self.catalogue.goals[key.goal_id].stat == event.stat for key in outcome.completions)
        self.named += completed
        return [outcome.verdict for outcome in outcomes], {
            (key.user_id.removeprefix(self.prefix), key.goal_id, key.period_start) for key in completed
        }

    def set_active(self, player: str, goal: Goal, active: bool) -> None:
        user_id = self.prefix + player
        computed = set_goal_active(self.database, self.catalogue, user_id, goal, active, self.now, soon())
        stored = view_player(self.database, user_id, soon(), current_periods(self.catalogue, self.now))
        assert goal_status(goal, computed, self.catalogue) == goal_status(goal, stored, self.catalogue)
        assert computed.periods == stored.periods

    def claim(self, player: str, goal: Goal) -> type[ChallengeError] | Instant:
        """Return why the claim is refused, or the start of the claimed period."""
        try:
            claim = claim_reward(self.database, self.catalogue, self.prefix + player, goal, None, self.now, soon())
        except ChallengeError as refusal:
            return type(refusal)
        start = claim.key.period_start
        assert claim.key == CompletionKey(self.prefix + player, goal.id, start, 1)
        return start

    def refund(self, player: str, goal: Goal) -> Completed | None:
        """Refund the claim of the newest period, and return it; None if there was none."""
        claims = self.claims()
        claimed = max((key for key in claims if key[:2] == (player, goal.id)), default=None)
        if claimed is None:
            return None
        action = OperatorAction(Act.REFUND, lambda status: refunded(status, NOW), "ada", "a test")
        perform(self.database, claims[claimed], action, NOW, soon(), dry=False)
        return claimed

    def name_zone(self, player: str, zone: str, now: Instant) -> bool:
        """Initialize the player with a zone, or change it; return False if that is refused."""
        current = current_periods(self.catalogue, now)
        initialized = initialize_player(
            self.database, self.prefix + player, zone, now, soon(), current, zone_change_interval=ZONE_INTERVAL
        )
        return initialized.zone_refused is None

    def claims(self) -> dict[Completed, UUID]:
        """Return the grants of current claims, by player, goal and period."""
        rows = self.database.autocommit(
            lambda connection: connection.execute(CLAIMS, (self.prefix,)).fetchall(), soon()
        )
        return {(user_id.removeprefix(self.prefix), *key): granted for user_id, *key, granted in rows}

    def adjust(self, player: str, points: int) -> None:
        initialize_player(self.database, self.prefix + player, None, NOW, soon())
        noted = NotedAdjustment(NOW, points, "ada", "a test")
        adjust_points(self.database, self.catalogue, self.prefix + player, uuid4(), noted, soon())

    def reached(self, player: str) -> tuple[int, int, int]:
        """Return goals completed, rewards claimed and points, after comparing them with a recalculation."""
        user_id = self.prefix + player
        assert recalculate(self.database, self.catalogue, [user_id], soon(), dry=True) == []
        statistics = read_player_statistics(self.database, self.catalogue, user_id, self.now, soon())
        total = statistics.standings.get(EVERYTHING, Standing())
        return total.completed, total.claimed, total.points

    def statuses(self, player: str) -> dict[str, tuple[object, ...]]:
        """Return active, locked, state and progress of every goal."""
        view = view_player(self.database, self.prefix + player, soon(), current_periods(self.catalogue, self.now))
        return {goal.id: goal_status(goal, view, self.catalogue)[:4] for goal in self.catalogue.goals.values()}


def compare(system: System, model: NaiveModel, step: Step) -> None:
    """Do a step in both, and compare all results."""
    completed_before = set(model.completed)
    match step:
        case Report(batch):
            verdicts, completed = system.report(batch)
            assert verdicts == model.report(batch)
            assert completed == model.completed - completed_before
        case Switch(player, goal, active):
            system.set_active(player, goal, active)
            model.set_active(player, goal, active)
        case Take(player, goal):
            assert system.claim(player, goal) == model.claim(player, goal)
        case Undo(player, goal):
            claimed = max((key for key in model.claimed if key[:2] == (player, goal.id)), default=None)
            assert system.refund(player, goal) == claimed
            model.claimed -= {claimed}
        case Wait(now):
            system.now = model.now = now
            model.latest = max(model.latest, now)
        case Name(player, zone, later):
            # What has happened before a player names a zone keeps its periods.
            now = model.latest = max([model.latest, *(event.time for event in model.events.values())]) + later
            assert system.name_zone(player, zone, now) == model.name_zone(player, zone, now)
        case Adjust(player, points):
            system.adjust(player, points)
            model.adjusted[player] += points
            model.zones.setdefault(player, NO_ZONES)
    for player in PLAYERS:
        expected = {goal.id: model.status(player, goal) for goal in model.goals}
        assert system.statuses(player) == expected
        assert system.reached(player) == model.reached(player)


@settings(max_examples=70)
@given(stories())
def test_every_goal_of_every_player_matches_the_naive_model(
    one_connection: Database, story: tuple[Catalogue, list[Step]]
) -> None:
    play(one_connection, *story)


@settings(max_examples=25)
@given(stories(own_days=True))
def test_goals_by_the_days_of_a_players_zones_match_the_naive_model(
    one_connection: Database, story: tuple[Catalogue, list[Step]]
) -> None:
    play(one_connection, *story)


def play(database: Database, catalogue: Catalogue, steps: Sequence[Step]) -> None:
    """Do all steps in both, and compare what was named and granted at the end."""
    system, model = System(database, catalogue), NaiveModel(catalogue, FIRST)
    for step in steps:
        compare(system, model, step)
    assert len(set(system.named)) == len(system.named)
    assert system.claims().keys() == model.claimed
