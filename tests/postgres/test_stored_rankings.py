"""The tables of rankings take over what the views of the release before had, and serve that release, too."""

from __future__ import annotations

from shared.domain.instant import HOUR, LIFETIME_START
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.leaderboards.ranking_refresh import RankingRefresh
from shared.postgres import schema
from shared.postgres.leaderboards.ranking_readers import RankingReader
from shared.postgres.migrations import migration_files
from shared.runtime.telemetry import Telemetry
from tests.support.databases import connected, opened, soon
from tests.support.leaderboards import board, catalogue_with
from tests.support.services import NOW, ManualClock
from tests.support.stored_rankings import assert_counted, assert_ranked

PLAYERS = 2_600
BOARDS = [board("points"), board("least", ascending=True)]
STANDINGS = (
    "INSERT INTO standing (user_id, schedule, period_start, scope, scope_id, completed, claimed, points, version)"
    " SELECT 'player ' || p, 'lifetime', 'epoch', 'all', '', 1, 0, p / 7, 1 FROM generate_series(1, {}) p"
)
# The statements of the release before.
REFRESH = [
    "SELECT refresh_leaderboard_ranking()",
    "SELECT refresh_leaderboard_mark()",
    "SELECT analyze_leaderboard_ranking()",
    "SELECT analyze_leaderboard_mark()",
    "INSERT INTO leaderboard_refresh AS stored (fresh_at, changes, ranked, duration_us) VALUES (instant($1), 0, '', 0)"
    " ON CONFLICT (only_row) DO UPDATE SET fresh_at = excluded.fresh_at",
]
MARKED = (
    "SELECT mark.place, 1 + (SELECT count(*) FROM leaderboard_ranking AS before WHERE before.board_id = mark.board_id"
    " AND (before.sort_score, before.reached_time, before.user_id)"
    " < (mark.sort_score, mark.reached_time, mark.user_id))"
    " FROM leaderboard_mark AS mark WHERE board_id = 'points' ORDER BY place"
)


def test_rankings_are_taken_over_and_the_release_before_refreshes_them(database_url: str) -> None:
    newer = [path for path in migration_files() if path.stem >= "0045"]
    with opened(database_url, pool_size=1) as database:
        record_catalogue(database, catalogue_with(*BOARDS), NOW, soon())
    with connected(database_url) as connection:
        connection.execute(STANDINGS.format(PLAYERS).encode())
    schema.roll_back(database_url, len(newer))
    with connected(database_url) as connection:
        for statement in REFRESH:
            connection.execute(statement.encode(), [NOW] if "$1" in statement else None)
    assert schema.migrate(database_url) == [path.stem for path in newer]
    with connected(database_url) as connection:
        assert_ranked(connection)
        assert connection.execute("SELECT count(*) > 6 FROM leaderboard_bucket").fetchall() == [(True,)]
        for each in BOARDS:
            page = RankingReader(connection).top(each, LIFETIME_START, PLAYERS // 2, 1)
            assert page is not None
            assert (page.size, page.fresh_at, page.ranked[0].place) == (PLAYERS, NOW, PLAYERS // 2)
        # It runs on beside this release.
        connection.execute("UPDATE standing SET points = points + 100 WHERE user_id LIKE 'player 1%'")
        connection.execute("DELETE FROM standing WHERE user_id LIKE 'player 2%'")
        for statement in REFRESH:
            connection.execute(statement.encode(), [NOW + HOUR] if "$1" in statement else None)
        assert_ranked(connection)
        marks = connection.execute(MARKED).fetchall()
        assert all(place == expected for place, expected in marks)
        assert marks[-1][0] == connection.execute("SELECT count(*) FROM standing").fetchall()[0][0]
        assert len(marks) > 3
    with opened(database_url, pool_size=1) as database, connected(database_url) as connection:
        assert RankingRefresh(database, ManualClock(NOW + 2 * HOUR), Telemetry()).one_pass(), "what was not noted"
        assert_counted(connection)
        page = RankingReader(connection).top(BOARDS[0], LIFETIME_START, 1, 1)
        assert page is not None
        assert page.fresh_at == NOW + 2 * HOUR
