"""The record in the database of the runs that seasons had."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from shared.domain.instant import Instant
from shared.domain.schedules import Season, SeasonRun
from shared.postgres.connection import Connection
from shared.postgres.statements import int_array, statement, text_array

_INSERT = statement("insert_season_runs")
_READ = statement("read_season_runs")
_MOVE_ENDS = statement("move_season_ends")
_FORGET = statement("forget_season_runs")


def insert_missing_runs(connection: Connection, seasons: Iterable[Season]) -> None:
    """Record the new runs of these seasons; known ones keep their ends."""
    _INSERT.rows(connection, *_columns(seasons))


def read_runs(connection: Connection, season_ids: Iterable[str]) -> dict[str, list[SeasonRun]]:
    """Return the recorded runs of these seasons in order of time; seasons without any are left out."""
    runs: dict[str, list[SeasonRun]] = defaultdict(list)
    for season_id, start, end in _READ.rows(connection, text_array(list(season_ids))):
        runs[season_id].append(SeasonRun(start, end))
    return runs


def replace_future(connection: Connection, seasons: Iterable[Season], after: Instant) -> None:
    """Store the ends of these seasons' runs, and delete the stored runs after an instant that they no longer have."""
    found = list(seasons)
    season_ids, starts, ends = _columns(found)
    _MOVE_ENDS.rows(connection, season_ids, starts, ends)
    _FORGET.rows(connection, text_array([season.id for season in found]), season_ids, starts, after)


def _columns(seasons: Iterable[Season]) -> tuple[str, str, str]:
    rows = sorted((season.id, *run) for season in seasons for run in season.runs)
    return (
        text_array([season_id for season_id, _, _ in rows]),
        int_array([start for _, start, _ in rows]),
        int_array([end for _, _, end in rows]),
    )
