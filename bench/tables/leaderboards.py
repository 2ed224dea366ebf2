"""Reading a long leaderboard: `GetPlayerRank` and `ListLeaderboard`, from Postgres' own ranking and from Redis."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

from challenge.v1 import leaderboard_service_pb2 as rpc
from google.protobuf.message import DecodeError

from bench.events import MEASURED, Play
from bench.figures import Table, Unit, at_least
from bench.services import CHALLENGE_SERVICE, EVENT_HANDLER, ServerProcess, counted, wait_until_ranked
from bench.tables.board_upkeep import rank, with_boards
from bench.tables.calls import add_calls
from bench.tables.events import RATE as EVENTS_RATE
from bench.tables.events import REPORT, report_request
from bench.workbench import SEED, Workbench, calls_for
from load_generator.plan import OpenLoop
from shared.runtime.clock import system_clock

SERVICE = "challenge.v1.LeaderboardService"
RANK, LIST = f"{SERVICE}/GetPlayerRank", f"{SERVICE}/ListLeaderboard"
BOARD = "best"
RATE = 200.0
TOP = 100
NEIGHBOURS = 5
PLAYING = 10_000
"""Maximum number of players who play, and read the leaderboard, while it changes."""
LIST_EVERY = 5
"""One question in this many is for the first players, all others are for a rank."""
HITS_PERCENT = 85.0
READY_S = 240.0
"""Deadline in seconds, longer than it takes to build a ranking of a million players in Postgres or Redis."""

_TOP_REQUEST = rpc.ListLeaderboardRequest(leaderboard_id=BOARD, page_size=TOP).SerializeToString()


class Source(NamedTuple):
    """The source of responses, and its targets."""

    name: str
    rank_p95_ms: float
    list_p95_ms: float


POSTGRES_RANKING = Source("from Postgres", 30.0, 30.0)
REDIS = Source("from Redis", 5.0, 8.0)


def measure_leaderboards(bench: Workbench) -> Table:
    """Measure latency at a fixed rate without and with Redis."""
    players = bench.scale.ranked
    table = Table(
        "leaderboards",
        f"A leaderboard of {players:,} players",
        f"Up to {-(-players // 100_000)} players with each score. Ranks of players at random with {NEIGHBOURS} "
        f"neighbours on either side, and the first {TOP}, each at {RATE:g}/s: from a service without Redis, which "
        "reads the ranking in Postgres, and from one with Redis. Then as many questions, a fifth of them for the first "
        f"{TOP}, while {EVENTS_RATE:g} events/s go on, of which a fifth are scores.",
    )
    setup = with_boards(bench, bench.empty_setup())
    bench.say(f"leaderboards: giving {players:,} players a score")
    rank(setup.url, players)
    with bench.service(CHALLENGE_SERVICE, setup) as service:
        bench.say("leaderboards: waiting for the first ranking in Postgres")
        wait_until_ranked(service.port, BOARD, READY_S, lambda state: state.size == players)
        _add_reads(bench, table, service, POSTGRES_RANKING)
    with bench.redis() as redis_url, bench.service(CHALLENGE_SERVICE, setup, REDIS_URL=redis_url) as service:
        bench.say("leaderboards: waiting for the ranking in Redis")
        # Nothing changes, so the ranking in Postgres is not refreshed: only Redis' is as of later than this.
        begun = system_clock()
        wait_until_ranked(service.port, BOARD, READY_S, lambda state: state.fresh_at.ToMicroseconds() >= begun)
        _add_reads(bench, table, service, REDIS)
        with bench.service(EVENT_HANDLER, setup, REDIS_URL=redis_url) as events:
            _add_hits(bench, table, service, events)
    return table


def _add_reads(bench: Workbench, table: Table, service: ServerProcess, source: Source) -> None:
    """Add the latency of both calls, and check the responses."""
    players, random = bench.scale.ranked, Random(SEED)
    asked = [random.randint(1, players) for _ in range(calls_for(bench.scale.long_run, RATE))]
    ranks = bench.play_at(service, RANK, map(_rank_request, asked), RATE, keep_every=1)
    lists = bench.play_at(service, LIST, [_TOP_REQUEST], RATE, repeat=True, keep_every=10)
    scores = sorted(map(_score, range(1, players + 1)))
    wrong_ranks = sum(not _is_rank(response, asked[number], scores) for number, response in ranks.responses.items())
    wrong_lists = sum(not _is_top(response, scores) for response in lists.responses.values())
    for name, run, p95, wrong in (
        ("GetPlayerRank", ranks, source.rank_p95_ms, wrong_ranks),
        ("ListLeaderboard", lists, source.list_p95_ms, wrong_lists),
    ):
        add_calls(table, f"of {name} {source.name}", run, p95=p95)
        table.check(f"wrong responses of {name} {source.name}", wrong, f"of {len(run.responses):,}")


def _add_hits(bench: Workbench, table: Table, service: ServerProcess, events: ServerProcess) -> None:
    """Add the share of questions that Redis serves while the leaderboard changes."""
    length, rate = bench.scale.long_run, RATE + EVENTS_RATE
    bench.say(f"leaderboards: questions at {RATE:g}/s with events at {EVENTS_RATE:g}/s")
    before = _read_outcomes(service)
    methods = [(0, RANK), (0, LIST), (1, REPORT)]
    calls = _game(bench.scale.ranked, calls_for(length, rate))
    run = bench.play_mix(
        {server.name: server for server in (service, events)},
        methods,
        calls,
        OpenLoop(rate=rate),
        length,
        keep_every=[0, 0, 0],
    )
    hits, misses = (now - then for now, then in zip(_read_outcomes(service), before, strict=True))
    asked = hits + misses
    share = 100 * hits / asked if asked else 0.0
    table.add(
        "questions served from Redis while scores changed",
        share,
        Unit.PERCENT,
        at_least(HITS_PERCENT),
        f"of {asked:,.0f}",
    )
    for method, name in enumerate(("GetPlayerRank", "ListLeaderboard", "ReportEvent")):
        part = run.part(method)
        note = f"p50 {part.latency_ms(0.5):.1f}, p99 {part.latency_ms(0.99):.1f} ms"
        table.add(f"latency of {name} meanwhile, p95", part.latency_ms(0.95), Unit.MILLISECONDS, note=note)


def _read_outcomes(service: ServerProcess) -> tuple[float, float]:
    """Return the number of questions that Redis has served, and of those it has not."""
    hits, misses = (counted(service.metrics_port, "cache_reads_total", outcome=outcome) for outcome in ("hit", "miss"))
    return hits, misses


def _game(players: int, count: int) -> Iterator[tuple[int, bytes]]:
    """Yield calls as pairs of a method's index and a request, questions and events evenly mixed."""
    random = Random(SEED)
    playing = random.sample(range(1, players + 1), min(players, PLAYING))
    values = {(_player(number), MEASURED[0].stat): _score(number) for number in playing}
    happening = Play([_player(number) for number in playing], SEED, values).events(system_clock())
    for number in range(count):
        asked, next_asked = (int(RATE * each / (RATE + EVENTS_RATE)) for each in (number, number + 1))
        if asked == next_asked:
            yield 2, report_request(next(happening))
        elif asked % LIST_EVERY == 0:
            yield 1, _TOP_REQUEST
        else:
            yield 0, _rank_request(random.choice(playing))


def _player(number: int) -> str:
    """Return the id that `fill_scores` gives to a player."""
    return f"ranked player {number}"


def _score(number: int) -> int:
    """Return the score that `fill_scores` gives to a player."""
    return number * 7919 % 100_000


def _rank_request(number: int) -> bytes:
    return rpc.GetPlayerRankRequest(
        leaderboard_id=BOARD, user_id=_player(number), neighbours=NEIGHBOURS
    ).SerializeToString()


def _is_rank(encoded: bytes, number: int, scores: Sequence[int]) -> bool:
    """Return whether a response has the right rank of a player; `scores` are those of all players, sorted."""
    try:
        response = rpc.GetPlayerRankResponse.FromString(encoded)
    except DecodeError:
        return False
    score, size = _score(number), len(scores)
    rank = 1 + size - bisect_left(scores, score + 1)
    around = [entry.place for entry in response.neighbours]
    own = response.entry.place
    return (response.entry.score, response.entry.rank, response.state.size) == (score, rank, size) and around == list(
        range(max(1, own - NEIGHBOURS), min(size, own + NEIGHBOURS) + 1)
    )


def _is_top(encoded: bytes, scores: Sequence[int]) -> bool:
    """Return whether a response is the right list of the first players."""
    try:
        response = rpc.ListLeaderboardResponse.FromString(encoded)
    except DecodeError:
        return False
    return [entry.score for entry in response.entries] == list(reversed(scores[-TOP:]))
