"""Players' histories in the database: everything that their standings are computed from."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from shared.domain.recalculation import Adjustment, CarriedForward, CompletedGoal, History, StandingClaim
from shared.domain.standings import CompletionRecord, Standing, StandingKey
from shared.postgres.connection import Connection
from shared.postgres.statements import filled, statement, text_array
from shared.postgres.statistics.standings import SCOPE_KINDS

_READ = statement("read_histories")
_PLAYERS = statement("players_with_history")
_COUNT = statement("count_players_with_standings")


def read(connection: Connection, user_ids: Sequence[str]) -> dict[str, History]:
    """Return the histories of these players, all as of one instant."""
    row = _READ.only_row(connection, text_array(user_ids))
    completed: dict[str, list[CompletedGoal]] = defaultdict(list)
    adjustments: dict[str, list[Adjustment]] = defaultdict(list)
    standings: dict[str, dict[StandingKey, Standing]] = defaultdict(dict)
    carried: dict[str, list[CarriedForward]] = defaultdict(list)
    for user_id, complete_time, challenge_id, tags, points, active_since, claim_time in _rows(row[:7]):
        record = CompletionRecord(complete_time, challenge_id, _tags(tags), points, active_since)
        completed[user_id].append(CompletedGoal(record, claim_time))
    for user_id, points, time in _rows(row[7:10]):
        adjustments[user_id].append(Adjustment(points, time))
    for user_id, schedule, start, scope, scope_id, *numbers in _rows(row[10:21]):
        key = StandingKey(user_id, schedule, start, SCOPE_KINDS[scope], scope_id)
        standings[user_id][key] = Standing(*numbers)
    reopened: dict[str, list[StandingClaim]] = defaultdict(list)
    for user_id, challenge_id, tags, claim_time in _rows(row[30:]):
        reopened[user_id].append(StandingClaim(challenge_id, _tags(tags), claim_time))
    for user_id, challenge_id, tags, closed_before, *numbers in _rows(row[21:30]):
        # Each completion counts once in a standing's version, too.
        standing = Standing(*numbers)
        standing.version = standing.completed
        carried[user_id].append(CarriedForward(challenge_id, _tags(tags), standing, closed_before))
    return {
        user_id: History(
            completed[user_id], adjustments[user_id], standings[user_id], carried[user_id], reopened[user_id]
        )
        for user_id in user_ids
    }


def players_after(connection: Connection, user_id: str, count: int) -> list[str]:
    """Return a page of the players who have a history, after this player."""
    return [found for (found,) in _PLAYERS.rows(connection, user_id, count)]


def count_players(connection: Connection) -> int:
    """Return about how many players have a history."""
    return int(_COUNT.value(connection))


def _rows(columns: Sequence[Sequence[Any] | None]) -> Iterator[tuple[Any, ...]]:
    return zip(*filled(columns), strict=True)


def _tags(document: str) -> tuple[str, ...]:
    return () if document == "[]" else tuple(json.loads(document))
