"""Rankings in Redis equal the sorted scores, in whatever order scores are stored."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.cache.members import Undecodable, member_of, sort_key_of
from shared.cache.ranking_builds import BuildLost
from shared.domain.leaderboard import Leaderboard, RankedPage
from shared.domain.scores import Score
from shared.domain.tally import SUM_MAX
from tests.cache.cached_rankings import PERIOD, TOP, CachedRankings, cached_rankings_on, ranked

# So few values that ties are common, beside those at which doubles are not exact any more.
points = st.integers(-3, 3) | st.sampled_from((-SUM_MAX, SUM_MAX, 2**53, 2**53 + 1, 2**53 + 2))
instants = st.integers(0, 3) | st.just(2**51)
user_ids = st.sampled_from(["a", "b", "c", "\U0001f409", "it's", "a\u202e", "x" * 128])
scores = st.builds(Score, user_ids, points, instants, st.integers(1, 2**40))
boards = st.tuples(st.booleans(), st.booleans()).map(
    lambda drawn: replace(TOP, ascending=drawn[0], shared_ranks=drawn[1])
)


def by_player(drawn: list[Score]) -> list[Score]:
    """Return one score for each player, as in one state of the database."""
    return list({score.user_id: score for score in drawn}.values())


@given(scores, scores, st.booleans())
def test_byte_order_is_ranking_order(one: Score, other: Score, ascending: bool) -> None:
    board = replace(TOP, ascending=ascending, shared_ranks=False)
    written = {
        score: sort_key_of(score.score, score.reached_time, ascending=ascending) + score.user_id.encode()
        for score in (one, other)
    }
    in_order = [member_of(raw, ascending=ascending) for raw in sorted(written.values())]
    assert in_order == [player[:3] for player in ranked(written, board)]


@given(boards, st.lists(scores, max_size=12).map(by_player), st.integers(1, 12), st.integers(0, 12))
def test_a_ranking_equals_the_sorted_scores(
    cached: CachedRankings, board: Leaderboard, drawn: list[Score], first: int, count: int
) -> None:
    expected = ranked(drawn, board)
    cached.build(drawn, board)
    top = cached.rankings.top(board, PERIOD, first, count)
    assert top is not None
    assert top == RankedPage(expected[first - 1 : first - 1 + count], len(expected))
    asked = ["a", "b", "nobody"]
    found = cached.rankings.of_players(board, PERIOD, asked)
    assert found == RankedPage(tuple(player for player in expected if player.user_id in asked), len(expected))
    for place, player in enumerate(expected, 1):
        around = cached.rankings.around(board, PERIOD, player.user_id, 2)
        assert around == RankedPage(expected[max(0, place - 3) : place + 2], len(expected))
    assert cached.rankings.around(board, PERIOD, "nobody", 2) == RankedPage((), len(expected))


@given(boards, st.lists(scores, max_size=12), st.randoms(use_true_random=False), st.integers(0, 12))
def test_the_newest_score_of_a_player_wins_in_any_order(
    cached: CachedRankings, board: Leaderboard, drawn: list[Score], random: st.DrawFn, built: int
) -> None:
    # A version belongs to one state: no two scores of a player have the same version.
    states = {(score.user_id, score.version): score for score in drawn}
    newest: dict[str, Score] = {}
    for score in states.values():
        if score.user_id not in newest or score.version > newest[score.user_id].version:
            newest[score.user_id] = score
    in_any_order = [*states.values(), *states.values()]
    random.shuffle(in_any_order)  # type: ignore[attr-defined]
    build = cached.begin(board)
    cached.put(*in_any_order[:built], board=board)
    build.add(in_any_order[built:])
    build.finish()
    cached.put(*in_any_order[:built], board=board)
    assert cached.all(board) == RankedPage(ranked(newest.values(), board), len(newest))


def test_scores_reach_the_ranking_in_use_and_the_one_that_is_being_built(cached: CachedRankings) -> None:
    cached.build([Score("a", 1, 0, 1)])
    build = cached.begin()
    cached.put(Score("a", 5, 0, 2), Score("b", 3, 0, 1))
    assert cached.all() == RankedPage(ranked([Score("a", 5, 0, 2), Score("b", 3, 0, 1)]), 2)
    # Scores as they were in the database before.
    build.add([Score("a", 1, 0, 1), Score("c", 2, 0, 1)])
    build.finish()
    assert cached.all() == RankedPage(ranked([Score("a", 5, 0, 2), Score("b", 3, 0, 1), Score("c", 2, 0, 1)]), 3)


def test_only_one_build_runs_at_a_time_and_a_lost_build_changes_nothing(cached: CachedRankings, redis_url: str) -> None:
    build = cached.begin()
    with cached_rankings_on(redis_url) as other:
        assert other.cache.probe() is None
        with pytest.raises(AssertionError):
            other.begin()
        build.abandon()
        other.build([Score("a", 1, 0, 1)])
    with pytest.raises(BuildLost):
        build.add([Score("b", 1, 0, 1)])
    with pytest.raises(BuildLost):
        build.finish()
    assert cached.all() == RankedPage(ranked([Score("a", 1, 0, 1)]), 1)


def test_a_ranking_without_players_is_empty(cached: CachedRankings) -> None:
    cached.build()
    assert cached.all() == RankedPage((), 0)


@example(b"")
@example(b"x" * 16)
@example(b"x" * 16 + b"\xff")
@given(st.binary(max_size=15) | st.none() | st.integers() | st.text())
def test_an_undecodable_member_is_refused(raw: object) -> None:
    with pytest.raises(Undecodable):
        member_of(raw, ascending=False)
