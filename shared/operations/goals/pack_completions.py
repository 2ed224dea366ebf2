"""The duty that packs what was claimed long ago, where a setting says how long completions stay rows of their own.

It passes through all players once a day, with one transaction for each. It waits for no lock: a player whose rows are
locked is packed the next day. What changes a packed completion unpacks it, so no decision is final. Each value of the
setting has a sweep of its own, so processes with different values do not begin each other's sweep again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from shared.domain.catalogue import Catalogue
from shared.domain.instant import DAY, SECOND, Instant, Microseconds
from shared.domain.rotation import over_before
from shared.domain.schedules import LIFETIME
from shared.operations.player_sweep import STEP_TIMEOUT_S, PlayerRange, PlayerSweep, SweepWork
from shared.operations.step_size import StepSize
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import completion_retention, settled_completions
from shared.postgres.goals.settled_completions import Fewest, PlayerBusy
from shared.postgres.player_sweeps import COMPLETION_PACKING
from shared.postgres.statistics.challenge_reports import LAST_USER_ID
from shared.runtime.clock import Clock

PACK_INTERVAL_S = 60.0
PASS_INTERVAL: Microseconds = 600 * SECOND
"""Pause in which no process looks for work after one had none left."""
RANGE_COMPLETIONS = 2_000
"""Approximate number of completions in a range of players. A step takes a tenth of a second if all are packed."""
FEWEST = 8
"""Number of completions of a player that are worth a rewritten row."""
FEWEST_IN_ROW = 4
"""Number of completions from which a row takes two thirds of their space or less. A row of one takes more."""


class CompletionPacking:
    """The duty of a process. However many processes have it, one packs at a time."""

    def __init__(
        self,
        database: Database,
        age: Microseconds,
        owner: str,
        clock: Clock,
        rest: Callable[[float], bool] = lambda _: False,
        on_packed: Callable[[int], object] = lambda _: None,
    ) -> None:
        """Completions are packed that were claimed longer ago than `age`. `owner` names the process.

        `rest` waits for seconds, and returns True if it is time to stop. `on_packed` is called with the number of
        completions of each player.
        """
        self._database = database
        self._age = age
        self._clock = clock
        self._on_packed = on_packed
        duty = f"{COMPLETION_PACKING} after {age // DAY} d"
        self.sweep = PlayerSweep(database, duty, owner, clock, rest, PASS_INTERVAL)

    def one_pass(self, catalogue: Catalogue) -> None:
        """Pack what is due of the players that are left today, until it is time to stop.

        Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
        """
        before = self._clock() - self._age
        past = past_periods_before(catalogue, before)

        def range_after(connection: Connection, after: str, size: StepSize) -> PlayerRange:
            end = completion_retention.end_of_range(connection, after, size.of(RANGE_COMPLETIONS))
            found = settled_completions.to_pack(connection, after, end or LAST_USER_ID, before, FEWEST)
            return PlayerRange(found, end)

        def update(_: Connection, user_ids: Sequence[str]) -> None:
            # In transactions of their own: a step that is repeated finds nothing left to do.
            for user_id in user_ids:
                self._on_packed(self._pack(user_id, before, past))
            self._database.autocommit(settled_completions.analyze_grown, time.monotonic() + STEP_TIMEOUT_S)

        self.sweep.one_pass("", SweepWork(update, range_after, publish=lambda _: None))

    def _pack(self, user_id: str, before: Instant, past: Mapping[str, Instant]) -> int:
        fewest = Fewest(FEWEST, FEWEST_IN_ROW)
        try:
            return self._database.transact(
                lambda connection: settled_completions.pack(connection, user_id, before, past, fewest),
                time.monotonic() + STEP_TIMEOUT_S,
            )
        except PlayerBusy:
            return 0


def past_periods_before(catalogue: Catalogue, now: Instant) -> dict[str, Instant]:
    """Return, by goal id, the instant before which its periods begin that are over for good.

    Goals of seasons have none: the end of a season may be moved, and then a period that was over is the current one.
    """
    found = {
        goal.id: over_before(goal.schedule, now)
        for goal in catalogue.goals.values()
        if goal.schedule != LIFETIME and goal.schedule.season is None
    }
    return {goal_id: before for goal_id, before in found.items() if before is not None}
