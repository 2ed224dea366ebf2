"""A process that takes small steps of a duty on rankings until it is killed: URL, owner, duty, time and horizon."""

from __future__ import annotations

import sys
import time

from shared.operations.leaderboards import period_finish, ranking_refresh
from shared.operations.leaderboards.period_finish import PeriodFinish
from shared.operations.leaderboards.ranking_refresh import RankingRefresh
from shared.postgres.database import Database
from shared.runtime.telemetry import Telemetry

PAUSE_S = 0.01


def main(url: str, owner: str, duty: str, now: int, horizon: int) -> None:
    """Take steps for ever."""
    ranking_refresh.CHANGED_PLAYERS = 30
    ranking_refresh.RANGE_ROWS = 60
    # It imports this one.
    vars(period_finish).update(RANGE_ROWS=60, PLACES=25)
    database = Database(url, pool_size=1, application_name=owner)
    database.open()
    refresh = RankingRefresh(database, lambda: now, Telemetry(), owner)
    finish = PeriodFinish(database, owner, lambda: now)
    print("begun", flush=True)  # noqa: T201 - the test waits for it
    while True:
        if duty == "finish period":
            finish.one_pass(horizon, now)
        else:
            refresh.one_pass()
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
