"""`python -m admin boards …`: looks at leaderboards, and builds their rankings in Redis."""

from __future__ import annotations

import argparse
import sys
import time

from admin.board_access import (
    DEADLINE_S,
    BoardAccess,
    board_access,
    board_of,
    count_players,
    instant_argument,
    open_boards,
    say_what_waits,
)
from admin.board_building import build
from admin.numbers import whole_number
from admin.opening import load_catalogue, open_cache_if_set, open_database, stop
from admin.terminal import add, lines_of, over_text, period_text, show, time_text
from shared.domain.catalogue import Catalogue
from shared.domain.periods import period_at
from shared.domain.rankings import PLAYERS_MAX
from shared.domain.scores import RankingKey
from shared.operations.leaderboards.read_leaderboards import Leaderboards
from shared.postgres.database import Database
from shared.postgres.leaderboards import overview
from shared.postgres.leaderboards.overview import KeptRanking
from shared.runtime.clock import system_clock

FINALS_DEFAULT, FINALS_MAX = 1, 10_000
TOP_DEFAULT = 10


def register(families: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `boards` and its commands."""
    family = families.add_parser(
        "boards",
        help="look at leaderboards, and build their rankings in Redis",
        description="Commands on leaderboards. They read DATABASE_URL, REDIS_URL and CATALOGUE as the services do.",
    )
    commands = family.add_subparsers(title="commands", metavar="COMMAND", required=True)

    listing = commands.add_parser(
        "list",
        help="list rankings: where they are answered from, and how fresh that is",
        description="Lists the rankings of all leaderboards that the database knows.",
    )
    listing.add_argument(
        "--finals",
        type=whole_number(0, FINALS_MAX),
        default=FINALS_DEFAULT,
        metavar="N",
        help="also so many final rankings of each leaderboard, the newest (default: %(default)s)",
    )
    listing.set_defaults(run=_list)

    showing = commands.add_parser(
        "show",
        help="show who stands first, as the services answer it",
        description="Shows the first players of a leaderboard, from where the services take it: a final ranking, "
        "Redis, or the ranking that Postgres refreshes now and then.",
    )
    showing.add_argument("board", metavar="BOARD", help="a leaderboard's id")
    showing.add_argument(
        "--period", type=instant_argument, metavar="INSTANT", help="the period that INSTANT lies in (default: now)"
    )
    showing.add_argument(
        "--top",
        type=whole_number(1, PLAYERS_MAX),
        default=TOP_DEFAULT,
        metavar="N",
        help=f"so many players, 1 to {PLAYERS_MAX} (default: %(default)s)",
    )
    showing.set_defaults(run=_show)

    rebuilding = commands.add_parser(
        "rebuild",
        help="build rankings in Redis from the database, beside those in use",
        description="Builds the rankings of a leaderboard in Redis from the database, beside those in use, which "
        "answer until the new ones take their place.",
        epilog="Exit status: 0 all were built, 1 not all.",
    )
    which = rebuilding.add_mutually_exclusive_group(required=True)
    which.add_argument("board", metavar="BOARD", nargs="?", help="a leaderboard's id")
    which.add_argument("--all", action="store_true", help="every leaderboard")
    rebuilding.add_argument(
        "--period",
        type=instant_argument,
        metavar="INSTANT",
        help="of BOARD the period that INSTANT lies in, not every one that may still change",
    )
    rebuilding.set_defaults(run=_rebuild)


def _list(arguments: argparse.Namespace) -> int:
    catalogue = load_catalogue()
    table = lines_of("leaderboard", "over", "period", "until", "players", "in Redis", "answered from", "as of")
    with open_database("boards") as database, open_cache_if_set() as cache:
        kept = database.autocommit(
            lambda connection: overview.rankings(connection, arguments.finals), time.monotonic() + DEADLINE_S
        )
        usable = cache is not None and cache.probe() is None
        access = board_access(database, catalogue, cache) if cache is not None and usable else None
        for ranking in kept:
            add(table, *_row(ranking, catalogue, database, access))
        show(table)
        if usable:
            say_what_waits(database)
        else:
            print("Redis is not set or does not answer", file=sys.stderr)
    return 0


def _row(
    kept: KeptRanking, catalogue: Catalogue, database: Database, access: BoardAccess | None
) -> tuple[str, str, str, str, str, str, str, str]:
    ranking = RankingKey(kept.board_id, kept.period_start)
    board = catalogue.leaderboard_by_id.get(kept.board_id)
    players = kept.players if kept.players is not None else count_players(database, ranking)
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


def _show(arguments: argparse.Namespace) -> int:
    catalogue = load_catalogue()
    board = board_of(catalogue, arguments.board)
    now = system_clock()
    instant = now if arguments.period is None else arguments.period
    with open_database("boards") as database, open_cache_if_set() as cache:
        usable = cache is not None and cache.probe() is None
        readers = [board_access(database, catalogue, cache).boards] if cache is not None and usable else []
        answer = Leaderboards(database, readers).top(
            board, instant, 1, arguments.top, now, time.monotonic() + DEADLINE_S
        )
        if not answer.final:
            say_what_waits(database)
    table = lines_of("rank", "player", "score", "reached")
    for player in answer.ranked:
        add(table, f"{player.rank:,}", player.user_id, f"{player.score:,}", time_text(player.reached_time))
    show(table)
    period = "all time" if answer.period.end is None else f"{time_text(answer.period.start)} on"
    kind = "final" if answer.final else "as of now" if answer.fresh_at == now else f"as of {time_text(answer.fresh_at)}"
    print(f"{board.name} ({over_text(board)}), {period}: {answer.size:,} players, {kind}")
    return 0


def _rebuild(arguments: argparse.Namespace) -> int:
    with open_boards("boards") as access:
        rankings = access.open_rankings()
        if arguments.board is not None:
            board = board_of(access.catalogue, arguments.board)
            rankings = [ranking for ranking in rankings if ranking.board_id == board.id]
            if arguments.period is not None:
                start = period_at(board.schedule, arguments.period).start
                rankings = [ranking for ranking in rankings if ranking.period_start == start]
        if not rankings:
            stop("there is no such ranking that may still change; services open them when they use the catalogue")
        return 0 if build(access, rankings) else 1
