"""`python -m admin boards …`: shows leaderboards, and builds their rankings in Redis."""

from __future__ import annotations

import click

from admin.arguments import acts, count_option, exactly_one, instant
from admin.leaderboard_access import (
    LeaderboardAccess,
    board_of,
    count_players,
    leaderboard_access,
    open_leaderboards,
    print_waiting_changes,
    rankings_details,
)
from admin.opening import cache_problem, deadline, load_catalogue, noted, open_cache_if_set, open_database, read, stop
from admin.terminal import over_text, period_text, say, say_error, time_text
from admin.terminal import show as show_table
from shared.domain.catalogue import Catalogue
from shared.domain.instant import Instant
from shared.domain.leaderboard import PLAYERS_MAX
from shared.domain.operator_acts import Acting, ActKind, OperatorAct
from shared.domain.scores import RankingKey
from shared.operations.leaderboards.read_leaderboards import Leaderboards
from shared.postgres.database import Database
from shared.postgres.leaderboards import overview
from shared.postgres.leaderboards.overview import KeptRanking
from shared.runtime.clock import system_clock

FINALS_MAX = 10_000


@click.group()
def boards() -> None:
    """Show leaderboards, and build their rankings in Redis.

    The commands read DATABASE_URL, REDIS_URL and CATALOGUE as the services do.
    """


@boards.command("list")
@count_option("--finals", 0, FINALS_MAX, 1, "Include the newest N final rankings of each leaderboard.")
def list_rankings(finals: int) -> None:
    """List the rankings of all leaderboards: where they are read from, and how fresh they are."""
    catalogue = load_catalogue()
    names = ("leaderboard", "over", "period", "until", "players", "in Redis", "read from", "as of")
    with open_database("boards") as database, open_cache_if_set() as cache:
        rankings = read(database, lambda connection: overview.rankings(connection, finals))
        usable = cache is not None and cache_problem(cache) is None
        access = leaderboard_access(database, catalogue, cache) if cache is not None and usable else None
        show_table(names, (_row(ranking, catalogue, database, access) for ranking in rankings))
        if usable:
            print_waiting_changes(database)
        else:
            say_error("Redis is not set or does not respond")


def _row(
    kept: KeptRanking, catalogue: Catalogue, database: Database, access: LeaderboardAccess | None
) -> tuple[object, ...]:
    board = catalogue.leaderboard_by_id.get(kept.board_id)
    players = kept.players
    if players is None:
        players = count_players(database, RankingKey(kept.board_id, kept.period_start))
    page = access.boards.top(board, kept.period_start, 1, 1) if access is not None and board is not None else None
    if kept.final_time is not None:
        source, fresh = "final ranking", time_text(kept.final_time)
    elif page is not None:
        source, fresh = "Redis", "now"
    elif board is None:
        source, fresh = "nowhere: not in the catalogue", ""
    else:
        source, fresh = "fallback", "never yet" if kept.fallback_time is None else time_text(kept.fallback_time)
    return (
        kept.board_id,
        "" if board is None else over_text(board),
        period_text(kept.period_start),
        "" if kept.period_end is None else time_text(kept.period_end),
        f"{players:,}",
        "" if page is None else f"{page.size:,}",
        source,
        fresh,
    )


@boards.command()
@click.argument("board", help="A leaderboard's id.")
@click.option("--period", type=instant, metavar="INSTANT", help="The period that contains INSTANT (default: now).")
@count_option("--top", 1, PLAYERS_MAX, 10, "Number of players.")
def show(board: str, period: Instant | None, top: int) -> None:
    """Show the first players of a leaderboard, as the services return them.

    They come from a final ranking, from Redis, or from the ranking that Postgres refreshes now and then.
    """
    catalogue = load_catalogue()
    leaderboard = board_of(catalogue, board)
    now = system_clock()
    with open_database("boards") as database, open_cache_if_set() as cache:
        usable = cache is not None and cache_problem(cache) is None
        readers = [leaderboard_access(database, catalogue, cache).boards] if cache is not None and usable else []
        found = Leaderboards(database, readers).top(
            leaderboard, now if period is None else period, 1, top, now, deadline()
        )
        if not found.final:
            print_waiting_changes(database)
    rows = ((f"{each.rank:,}", each.user_id, f"{each.score:,}", time_text(each.reached_time)) for each in found.ranked)
    show_table(("rank", "player", "score", "reached"), rows)
    span = "all time" if found.period.end is None else f"{time_text(found.period.start)} on"
    kind = "final" if found.final else "as of now" if found.fresh_at == now else f"as of {time_text(found.fresh_at)}"
    say(f"{leaderboard.name} ({over_text(leaderboard)}), {span}: {found.size:,} players, {kind}")


@boards.command(epilog="Exit status: 0 all were built, 1 not all.")
@click.argument("board", required=False, help="A leaderboard's id.")
@click.option("--all", "every", is_flag=True, help="All leaderboards.")
@click.option(
    "--period",
    type=instant,
    metavar="INSTANT",
    help="Build only the period of BOARD that contains INSTANT, instead of all that may still change.",
)
@acts
def rebuild(board: str | None, period: Instant | None, *, every: bool, acting: Acting) -> int:
    """Build rankings in Redis from the database. Those in use serve reads until the new ones replace them."""
    exactly_one("BOARD", board, every=every)
    with open_leaderboards("boards") as access:
        rankings = access.open_rankings()
        if board is not None:
            leaderboard = board_of(access.catalogue, board)
            rankings = [ranking for ranking in rankings if ranking.board_id == leaderboard.id]
            if period is not None:
                of_instant = leaderboard.schedule.shown_at(period)
                rankings = [each for each in rankings if of_instant and each.period_start == of_instant.start]
        if not rankings:
            stop("there is no such ranking that may still change; services open them when they use the catalogue")
        act = OperatorAct(ActKind.BOARDS_REBUILD, acting, details=rankings_details(rankings))
        with noted(access.database, act) as outcome:
            outcome.complete = access.build_all(rankings)
        return 0 if outcome.complete else 1
