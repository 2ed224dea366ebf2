"""The real operations, played by the players of one story."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from uuid import UUID, uuid4

from shared.domain.catalogue import Catalogue
from shared.domain.current_periods import CurrentPeriods, current_periods, shown_periods
from shared.domain.errors import ChallengeError
from shared.domain.events import CompletionKey, Event
from shared.domain.goal import Goal
from shared.domain.grant_changes import Act, refunded
from shared.domain.instant import Instant
from shared.domain.progress import best_value, goal_status
from shared.domain.standings import EVERYTHING, Standing
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
from tests.operations.stories import FIRST, NOW
from tests.support.databases import flushed, soon
from tests.support.naive_counting import sees
from tests.support.naive_events import ZONE_INTERVAL, Completed
from tests.support.naive_model import Status

CLAIMS = (
    b"SELECT user_id, goal_id, microseconds(period_start), grant_id FROM every_completion AS completion"
    b" JOIN reward_outbox USING (user_id, goal_id, period_start, occurrence, claim_number)"
    b" WHERE claim_time IS NOT NULL AND starts_with(user_id, $1)"
)

histories = (f"history {number}, " for number in count())
"""Each example has players of its own, so that all share one database."""


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
            goals = [self.catalogue.goals[key.goal_id] for key in outcome.completions]
            assert all(sees(goal, event) for goal in goals if goal.counts is None)
            assert not goals or goals[0].counts is None, "causes are named before effects"
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
        assert recalculate(self.database, self.catalogue, [user_id], soon()) == []
        statistics = read_player_statistics(self.database, self.catalogue, user_id, self.now, soon())
        total = statistics.standings.get(EVERYTHING, Standing())
        return total.completed, total.claimed, total.points

    def statuses(self, player: str) -> dict[str, Status]:
        """Return active, locked, state and progress of every goal."""
        return self._statuses(player, current_periods(self.catalogue, self.now))

    def shown(self, player: str) -> dict[str, Status]:
        """Return the same of the goals that lists show."""
        shown = shown_periods(self.catalogue, self.now)
        return {goal: status for goal, status in self._statuses(player, shown).items() if goal not in shown.hidden}

    def records(self, player: str) -> dict[str, tuple[int, int | None]]:
        """Return the current streak and the lowest value of every goal."""
        view = view_player(self.database, self.prefix + player, soon(), current_periods(self.catalogue, self.now))
        goals = self.catalogue.goals.values()
        return {goal.id: (view.streak_of(goal).current, best_value(goal, view)) for goal in goals}

    def _statuses(self, player: str, periods: CurrentPeriods) -> dict[str, Status]:
        view = view_player(self.database, self.prefix + player, soon(), periods)
        return {goal.id: goal_status(goal, view, self.catalogue)[:4] for goal in self.catalogue.goals.values()}
