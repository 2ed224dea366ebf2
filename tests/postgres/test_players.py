"""Stored data of a player is read back unchanged."""

from __future__ import annotations

import json
from itertools import count

from hypothesis import example, given
from hypothesis import strategies as st

from shared.domain.claims import Claim, ClaimState, grant_id
from shared.domain.current_periods import CurrentPeriods
from shared.domain.events import CompletionKey
from shared.domain.goal import Stat
from shared.domain.grants import Granting
from shared.domain.instant import DAY, LIFETIME_START, Instant
from shared.domain.progress import Assignment, Completion, PlayerView, TallyView
from shared.domain.reward import Reward, RewardType
from shared.domain.schedules import DAILY, MONTHLY, WEEKLY
from shared.domain.standings import CompletionRecord
from shared.domain.tally import Measures, Tally, TallyKey
from shared.postgres.connection import Connection
from shared.postgres.events import tallies
from shared.postgres.goals import assignments, completions, players
from shared.postgres.goals.assignments import Choice
from shared.postgres.rewards import outbox
from shared.postgres.statements import int_array, statements, text_array
from tests.support.periods import period_of
from tests.support.strategies import KILLS, STATS
from tests.support.strategies import tallies as any_tallies

YEAR = 365 * DAY
instants = st.integers(0, 136 * YEAR) | st.integers(50 * YEAR, 60 * YEAR)
goal_ids = st.sampled_from(["win", "lose", "draw"])
new_players = (f"player {number}" for number in count())


def claim(connection: Connection, key: CompletionKey, claim_time: Instant, number: int = 1) -> outbox.Claimed | None:
    """Claim a completion."""
    reward = Reward(RewardType.WALLET, "GEMS", 10)
    stored = Claim(key, None, ClaimState.PENDING, reward, grant_id(key, number), claim_time, number)
    return outbox.store(connection, [stored], Granting(claim_time)).get(key)


@given(
    st.dictionaries(st.sampled_from(STATS), any_tallies, max_size=3),
    st.dictionaries(
        goal_ids,
        st.builds(
            Assignment,
            st.booleans(),
            st.none() | instants,
            st.integers(0, 2**40),
            st.none() | instants,
            st.none() | st.integers(0, 2**40),
        ),
    ),
    st.dictionaries(goal_ids, st.tuples(st.none() | instants, st.none() | instants)),
)
def test_one_view_contains_everything_stored(
    either_connection: Connection,
    kept: dict[Stat, Tally],
    chosen: dict[str, Assignment],
    done: dict[str, tuple[Instant | None, Instant | None]],
) -> None:
    user_id = next(new_players)
    if kept:
        tallies.merge(either_connection, {TallyKey(user_id, stat): tally for stat, tally in kept.items()})
    for goal_id, assignment in chosen.items():
        assignments.store(either_connection, user_id, goal_id, assignment)
    for goal_id, (complete_time, claim_time) in done.items():
        key = CompletionKey(user_id, goal_id, LIFETIME_START, 1)
        assert completions.insert_missing(either_connection, {key: CompletionRecord(complete_time)}) == {key}
        if claim_time is not None:
            assert claim(either_connection, key, claim_time)
    assert players.read(either_connection, user_id).view == PlayerView(
        {stat: TallyView(tally.measures, tally.latest) for stat, tally in kept.items()},
        chosen,
        {goal_id: Completion(*times) for goal_id, times in done.items()},
    )


@given(instants)
@example(0)
@example(200 * YEAR)
def test_an_instant_is_exact_to_the_microsecond(connection: Connection, moment: Instant) -> None:
    user_id = next(new_players)
    assignments.store(connection, user_id, "win", Assignment(True, moment, 0))
    assert players.read(connection, user_id).view.assignments["win"].active_since == moment
    assert assignments.read_choices(connection, [(user_id, "win")])[user_id, "win"].active_since == moment


def test_an_unknown_player_has_an_empty_view(connection: Connection) -> None:
    assert players.read(connection, "nobody") == players.StoredPlayer(None, PlayerView({}, {}, {}))


def test_a_view_holds_the_current_periods_and_nothing_of_past_ones(either_connection: Connection) -> None:
    # A Monday, on which a day and a week start.
    today = period_of(DAILY, 20_000 * DAY - 20_000 * DAY % (7 * DAY) + 4 * DAY)
    week = period_of(WEEKLY, today.start)
    assert week.start == today.start
    user_id = next(new_players)
    kept = {
        TallyKey(user_id, KILLS): Tally(sum=7),
        TallyKey(user_id, KILLS, DAILY.text, today.start): Tally(sum=1),
        TallyKey(user_id, KILLS, DAILY.text, today.start - DAY): Tally(sum=2),
        TallyKey(user_id, KILLS, WEEKLY.text, week.start): Tally(sum=3),
        TallyKey(user_id, KILLS, MONTHLY.text, today.start): Tally(sum=4),
    }
    tallies.merge(either_connection, kept)
    done = {("ever", LIFETIME_START): 1, ("daily", today.start): 2, ("daily", today.start - DAY): 3}
    done |= {("weekly", week.start - 7 * DAY): 4, ("monthly", today.start): 5}
    for (goal_id, start), complete_time in done.items():
        key = CompletionKey(user_id, goal_id, start, 1)
        assert completions.insert_missing(either_connection, {key: CompletionRecord(complete_time)}) == {key}
    current = CurrentPeriods(
        {DAILY.text: today, WEEKLY.text: week},
        {"daily": today.start, "weekly": week.start, "monthly": today.start - DAY},
    )
    view = players.read(either_connection, user_id, current).view
    assert view.tallies == {KILLS: TallyView(Measures(sum=7))}
    assert view.period_tallies == {
        (KILLS, DAILY.text): TallyView(Measures(sum=1)),
        (KILLS, WEEKLY.text): TallyView(Measures(sum=3)),
    }
    assert view.completions == {"ever": Completion(1), "daily": Completion(2)}
    assert view.periods == current.periods


def test_an_activation_time_survives_a_deactivation(connection: Connection) -> None:
    assignments.store(connection, "player", "win", Assignment(True, 5, 0))
    assignments.store(connection, "player", "win", Assignment(False, None, 3))
    assert assignments.read_choices(connection, [("player", "win")])["player", "win"] == Choice(
        Assignment(False, 5, 3), None
    )


@given(st.lists(st.tuples(st.sampled_from("ab"), goal_ids), unique=True))
def test_choices_are_read_pair_by_pair(connection: Connection, asked: list[tuple[str, str]]) -> None:
    stored = {("a", "win"): Assignment(True, 1, 2), ("b", "lose"): Assignment(False, None, 3)}
    for (user_id, goal_id), assignment in stored.items():
        assignments.store(connection, user_id, goal_id, assignment)
    expected = {pair: Choice(stored.get(pair), None) for pair in asked}
    assert assignments.read_choices(connection, asked) == expected


def test_a_completion_is_stored_and_claimed_once(connection: Connection) -> None:
    key, other = (CompletionKey("player", goal_id, LIFETIME_START, 1) for goal_id in ("win", "lose"))
    assert completions.insert_missing(connection, {key: CompletionRecord(5)}) == {key}
    assert completions.insert_missing(connection, {other: CompletionRecord(7), key: CompletionRecord(6)}) == {other}
    assert players.read(connection, "player").view.completions["win"] == Completion(5)
    assert completions.unclaimed(completions.lock_unclaimed(connection, key)) == completions.Unclaimed(1, None, [])
    assert claim(connection, key, 8, number=2) is None
    assert [claim(connection, key, 8) for _ in range(2)] == [outbox.Claimed(None, ()), None]
    assert completions.unclaimed(completions.lock_unclaimed(connection, key)) is None
    assert claim(connection, key._replace(goal_id="draw"), 8) is None


def pages_and_rows_read(connection: Connection, user_id: str, current: CurrentPeriods) -> tuple[int, int]:
    """Return the numbers of pages and of stored rows that the read of a player visits."""
    [period] = current.periods.values()
    start = int_array([period.start])
    parameters = (user_id, text_array(list(current.periods)), *[start] * 4, *["{}"] * 5)
    explain = b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statements()["read_player_by_period"].text
    row = connection.execute(explain, parameters).fetchone()
    assert row is not None
    [plan] = row[0] if isinstance(row[0], list) else json.loads(row[0])
    waiting, rows = [plan["Plan"]], 0
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", [])
        if "Relation Name" in node:
            rows += node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
    return plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"], rows


def test_a_year_of_history_adds_nothing_to_a_read(connection: Connection) -> None:
    today = 20_000 * DAY
    for player, days in (("new", 1), ("veteran", 365)):
        of_days = (
            f"timestamptz 'epoch' + (20000 - day) * interval '1 day' FROM generate_series({days - 1}, 0, -1) AS day"
        )
        for text in (
            f"INSERT INTO tally SELECT '{player}', 'stat', 'kills', 'lifetime', timestamptz 'epoch', 1, 1, NULL, NULL,"
            " NULL, '{}', 0",
            "INSERT INTO tally (user_id, source, stat_code, schedule, sum, events, days, day_count, period_start)"
            f" SELECT '{player}', 'stat', 'kills', 'day/UTC', 1, 1, '{{}}', 0, {of_days}",
            "INSERT INTO completion (user_id, goal_id, occurrence, period_start)"
            f" SELECT '{player}', 'goal ' || goal, 1, {of_days}, generate_series(1, 5) AS goal ORDER BY day DESC",
        ):
            connection.execute(text.encode())
    connection.execute(b"VACUUM (ANALYZE) tally, completion")
    goals = {f"goal {number}": today for number in range(1, 6)}
    current = CurrentPeriods({DAILY.text: period_of(DAILY, today)}, goals)
    assert players.read(connection, "veteran", current) == players.read(connection, "new", current)
    (pages, rows), (few_pages, few_rows) = (
        pages_and_rows_read(connection, player, current) for player in ("veteran", "new")
    )
    assert rows == few_rows == 7
    # Its rows may be divided between two pages where the other's are on one.
    assert pages <= few_pages + 2
