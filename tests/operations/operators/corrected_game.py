"""A game whose operators correct goals."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from shared.domain.events import Event
from shared.domain.goal import CountedGoals, Credit, Goal, Source, Stat
from shared.domain.instant import DAY
from shared.domain.leaderboard import Leaderboard, LeaderboardMeasure
from shared.domain.operator_acts import Acting
from shared.domain.progress import GoalState
from shared.domain.schedules import DAILY, LIFETIME
from shared.domain.standings import EVERYTHING
from shared.operations.operators import goal_support
from shared.operations.operators.goal_support import Corrected, GoalSupport
from shared.operations.operators.undo_support import undo
from shared.operations.rewards import grant_admin
from shared.operations.rewards.claim import claim_reward
from shared.operations.statistics.recalculate import recalculate
from shared.postgres.database import Database
from tests.support.databases import flushed, soon, status_of
from tests.support.goals import catalogue_of, goal
from tests.support.goals_over_goals import goal_over
from tests.support.strategies import FIRST_DAY

NOW = FIRST_DAY * DAY
ACTING = Acting(NOW, "ada", "a test")
WIN = replace(goal("win", target=3), points=10, tags=("pvp",))
MORE = replace(goal("more", target=5, stat=Stat(Source.STAT, "other")), points=90)
DAILY_WIN = replace(goal("daily", target=1, stat=Stat(Source.STAT, "third")), schedule=DAILY, points=1)
QUEST = replace(
    goal("quest", target=100, stat=Stat(Source.STAT, "fifth"), default_assigned=False), credit=Credit.FROM_ASSIGNMENT
)
TWICE = replace(goal("twice", target=2, stat=Stat(Source.STAT, "fourth")), repeat=3, points=4)
BOTH = goal_over("both", CountedGoals(goal_ids=("win", "more")), 2)
POINTS = goal_over("rich", CountedGoals(), 100, source=Source.POINTS)
BOARD = Leaderboard("points", "Points", "", LeaderboardMeasure.POINTS, EVERYTHING, LIFETIME)
CATALOGUE = replace(catalogue_of(WIN, MORE, DAILY_WIN, TWICE), leaderboards=(BOARD,))
CATALOGUE = replace(
    CATALOGUE, challenges=(*CATALOGUE.challenges, replace(CATALOGUE.challenges[0], id="over", goals=(BOTH, POINTS)))
)
STATS = {each.id: each.stat for each in (WIN, MORE, DAILY_WIN, TWICE)}


class Game(NamedTuple):
    """A player, and the operators of the game."""

    database: Database
    player: str = "player"

    def play(self, what: Goal, delta: int = 1) -> None:
        number = rows_of(self.database, "SELECT count(*) FROM event_seen")[0][0]
        flushed(self.database, CATALOGUE, [Event(f"{number}", self.player, NOW, what.stat, delta=delta)], now=NOW)

    def support(self, what: Goal) -> GoalSupport:
        return GoalSupport(CATALOGUE, self.player, what, ACTING)

    def complete(self, what: Goal, occurrence: int | None = None, *, dry: bool = False) -> Corrected:
        work = self.support(what)
        return goal_support.perform(self.database, lambda c: work.complete(c, occurrence), soon(), dry=dry)

    def reopen(self, what: Goal, occurrence: int | None = None) -> Corrected:
        work = self.support(what)
        return goal_support.perform(self.database, lambda c: work.reopen(c, occurrence), soon(), dry=False)

    def reset(self, what: Goal, *, with_others: bool = False) -> Corrected:
        work = self.support(what)
        return goal_support.perform(self.database, lambda c: work.reset(c, with_others=with_others), soon(), dry=False)

    def undo(self, corrected: Corrected) -> Corrected:
        work = undo(CATALOGUE, corrected.audit_id, ACTING)
        return goal_support.perform(self.database, work, soon(), dry=False)

    def claim(self, what: Goal) -> None:
        claim_reward(self.database, CATALOGUE, self.player, what, None, NOW, soon())

    def state(self, what: Goal) -> GoalState:
        return status_of(self.database, CATALOGUE, self.player, what).state

    def check(self) -> None:
        """Standings are those of completions and claims, and every grant has one claim."""
        assert recalculate(self.database, CATALOGUE, [self.player], soon()) == []
        report = grant_admin.report(self.database, soon())
        assert report.agrees, report


def rows_of(database: Database, query: str) -> list[tuple[object, ...]]:
    return database.autocommit(lambda connection: connection.execute(query.encode()).fetchall(), soon())
