"""The rankings that are read without Redis, in the database: which there are, and what changes them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from enum import Enum
from typing import NamedTuple

from shared.domain.instant import Instant
from shared.domain.scores import RankingKey
from shared.postgres.connection import Connection
from shared.postgres.leaderboards import scores
from shared.postgres.player_sweeps import RANKING_REFRESH, Sweep
from shared.postgres.statements import int_array, statement, text_array

_LOCK = statement("lock_ranking_refresh")
_WAIT = statement("wait_for_ranking_refresh")
_READ_WORK = statement("read_ranking_work")
_BEGIN = statement("begin_rankings")
_HAS_SCORES = statement("has_scores")
_COMPLETE_EMPTY = statement("complete_empty_ranking")
_END = statement("end_rankings")
_DROP_BUCKETS = statement("drop_ranking_buckets")
_TO_DROP = statement("ranking_to_drop")
_DROP_PLAYERS = statement("drop_ranked_players")
_DROP = statement("drop_ranking")
_IS_SWEEP_DUE = statement("is_ranking_sweep_due")
_BEGIN_SWEEP = statement("begin_ranking_sweep")
_COMPLETE_SWEEP = statement("complete_ranking_sweep")
_FRESHEN = statement("freshen_rankings")
_READ_CHANGES = statement("read_ranking_changes")
_DELETE_CHANGES = statement("delete_ranking_changes")
_NOTE = statement("note_ranking_changes")
_COUNT_CHANGES = statement("count_ranking_changes")
_EMPTY_CHANGES = statement("empty_ranking_changes")
_RAISE_EPOCHS = statement("raise_notes_epochs")
_PLAYER_AFTER_RANKED = statement("player_after_ranked")
_PLAYERS = statement("players_to_rank")
_OF_PHASE = statement("rankings_of_phase")
_RANKED = statement("ranked_scores")
_DELETE = statement("delete_ranked")
_MOVE = statement("move_ranked")
_ADD = statement("add_ranked")
_ANALYZE = statement("analyze_ranking")
_ANALYZE_MARKS = statement("analyze_ranking_marks")

LAST_USER_ID = "\U0010ffff" * 129
"""Text that sorts after every valid player id."""


class Phase(Enum):
    """The phase of a ranking whose players are stored."""

    OPEN = "open"
    """It is updated when scores change."""
    CLOSING = "closing"
    """It is being made final."""


class RankingWork(NamedTuple):
    """The work on rankings that is left."""

    changes: int
    """Noted changes of scores."""
    due: bool
    """True if rankings begin, end or have to be swept."""
    fresh_at: Instant | None
    """Everything committed before is in all rankings that can be read; None if there is none."""
    sweep: Sweep | None
    """The progress of the duty as of the last step of any process; None if it never ran."""


def try_lock(connection: Connection) -> bool:
    """Lock all rankings for this transaction; return False if another transaction holds the lock."""
    return bool(_LOCK.value(connection))


def lock(connection: Connection) -> None:
    """Lock all rankings for this transaction."""
    _WAIT.rows(connection)


def read_work(connection: Connection, entries: int) -> RankingWork:
    """Return what is to be done. Of noted changes, those in at most `entries` entries are counted."""
    changes, due, fresh_at, *sweep = _READ_WORK.only_row(connection, entries, RANKING_REFRESH)
    return RankingWork(changes, due, fresh_at, None if sweep[0] is None else Sweep(*sweep))


def begin(connection: Connection, now: Instant, *, find_empty: bool) -> bool:
    """Create the rankings that are missing. One without scores can be read from now on, others after a sweep.

    Return False if none was missing. Without `find_empty` all are read only after a sweep.
    """
    begun = _BEGIN.rows(connection)
    for board_id, period_start, period_end in begun:
        # To search for a score of a lifetime would read all of them.
        if find_empty and period_end is not None and not _HAS_SCORES.value(connection, board_id, period_start):
            _COMPLETE_EMPTY.rows(connection, board_id, period_start, now)
    return bool(begun)


def end(connection: Connection) -> None:
    """Stop serving rankings that are final, or whose leaderboard is not in use."""
    _END.rows(connection)
    _DROP_BUCKETS.rows(connection)


def drop_some(connection: Connection, count: int) -> bool:
    """Delete `count` players of a ranking that is not read any more. Return False if there is none."""
    ranking = _TO_DROP.row(connection)
    if ranking is None:
        return False
    if len(_DROP_PLAYERS.rows(connection, *ranking, count)) < count:
        _DROP.rows(connection, *ranking)
    return True


def is_sweep_due(connection: Connection) -> bool:
    """Return whether a ranking may lack changes that were not noted."""
    return bool(_IS_SWEEP_DUE.value(connection))


def begin_sweep(connection: Connection) -> bool:
    """Begin a sweep of all open rankings. Return False if there is none."""
    return bool(_BEGIN_SWEEP.rows(connection))


def complete_sweep(connection: Connection, begin_time: Instant) -> None:
    """Record that the sweep that began at an instant has visited all players."""
    _COMPLETE_SWEEP.rows(connection, begin_time)


def analyze(connection: Connection) -> None:
    """Update the planner's statistics. It waits for a vacuum of the tables, and must not hold anything meanwhile."""
    _ANALYZE.rows(connection)
    _ANALYZE_MARKS.rows(connection)


def freshen(connection: Connection, fresh_at: Instant) -> None:
    """Record that every change that was noted before an instant is in the rankings."""
    _FRESHEN.rows(connection, fresh_at)


def take_changes(connection: Connection, players: int, read: Callable[[], object] = lambda: None) -> list[str] | None:
    """Delete the oldest entries with about this many changed players, and return the players, each once.

    Return None if there is no entry; all players of entries may be erased. `read` is called before they are deleted.
    """
    entries = _READ_CHANGES.rows(connection, players)
    if not entries:
        return None
    read()
    _DELETE_CHANGES.rows(connection, text_array([entry for entry, _ in entries]))
    return sorted({user_id for _, user_ids in entries for user_id in user_ids})


def note(connection: Connection, user_ids: Collection[str]) -> None:
    """Note changed scores of players without an entry in the journal. Sent with the next statement or with COMMIT."""
    _NOTE.defer(connection, text_array(sorted(user_ids)), len(user_ids))


def count_changes(connection: Connection, entries: int) -> tuple[int, int]:
    """Return the number of entries, at most `entries`, and of the players in them."""
    found, players = _COUNT_CHANGES.only_row(connection, entries)
    return found, players


def forget_changes(connection: Connection) -> None:
    """Delete all entries, and let all players be visited instead. In a transaction.

    Nothing happens while another transaction changes rankings.
    """
    if not try_lock(connection):
        return
    _RAISE_EPOCHS.rows(connection)
    _EMPTY_CHANGES.rows(connection)


class PlayersToRank(NamedTuple):
    """Players whose ids follow each other."""

    user_ids: Sequence[str]
    end: str | None
    """The last id of this range; None if no range follows."""


def range_after(connection: Connection, after: str, rows: int) -> PlayersToRank:
    """Return the players after this one who may have scores or are ranked, from at most `rows` rows of each table."""
    ends = [
        scores.player_after_tallies(connection, after, rows),
        scores.player_after_standings(connection, after, rows),
        _end_of_ranked(connection, after, rows),
    ]
    # Python compares texts by code points, as the database compares them by bytes.
    end = min((found for found in ends if found is not None), default=None)
    found = _PLAYERS.rows(connection, after, LAST_USER_ID if end is None else end)
    return PlayersToRank([user_id for (user_id,) in found], end)


def _end_of_ranked(connection: Connection, after: str, rows: int) -> str | None:
    row = _PLAYER_AFTER_RANKED.row(connection, after, rows)
    return None if row is None else str(row[0])


def rank(connection: Connection, phase: Phase, user_ids: Sequence[str]) -> None:
    """Bring these players up to date in all rankings of a phase. In a transaction that has locked the rankings."""
    ascending = {RankingKey(board_id, start): up for board_id, start, up in _OF_PHASE.rows(connection, phase.value)}
    stored = {
        _Key(board_id, period_start, user_id): (score, reached_time)
        for board_id, period_start, user_id, score, reached_time in _RANKED.rows(connection, text_array(user_ids))
        if (board_id, period_start) in ascending
    }
    current = {
        _Key(*ranking, score.user_id): (score.score, score.reached_time)
        for ranking, score in scores.of_players(connection, user_ids)
        if ranking in ascending
    }
    # Only what differs is written. The three statements are apart, so that buckets are counted after each of them.
    gone = sorted(key for key in stored if key not in current)
    if gone:
        _DELETE.rows(connection, *_columns(gone))
    moved = sorted(key for key, value in current.items() if stored.get(key, value) != value)
    added = sorted(key for key in current if key not in stored)
    for store, keys in ((_MOVE, moved), (_ADD, added)):
        if keys:
            values = [current[key] for key in keys]
            signs = [1 if ascending[RankingKey(key.board_id, key.period_start)] else -1 for key in keys]
            store.rows(
                connection,
                *_columns(keys),
                int_array(score for score, _ in values),
                int_array(reached_time for _, reached_time in values),
                int_array(sign * score for sign, (score, _) in zip(signs, values, strict=True)),
            )


class _Key(NamedTuple):
    """A player in a ranking."""

    board_id: str
    period_start: Instant
    user_id: str


def _columns(keys: Sequence[_Key]) -> tuple[str, str, str]:
    return (
        text_array([key.board_id for key in keys]),
        int_array(key.period_start for key in keys),
        text_array([key.user_id for key in keys]),
    )
