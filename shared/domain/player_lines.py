"""The format in which players are exported and imported: JSON, one object a line.

A line names the table in `table`; the other keys are its columns. Columns that have a default may be missing. Of
completions and claims that another system made, what the catalogue says is filled in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import Any

from shared.domain.acceptance import id_problem
from shared.domain.catalogue import Catalogue
from shared.domain.claims import ClaimState, grant_id
from shared.domain.events import CompletionKey
from shared.domain.goal import Goal
from shared.domain.instant import LIFETIME_START, to_instant
from shared.domain.line_columns import LineTable
from shared.domain.reward import Reward
from shared.domain.tally_lines import tally_problem, with_day_count

FORMAT = 1
CHUNK_LINES = 1_000
"""Lines that are parsed at once."""
HEADER = "export"
"""The table of the first line of an export."""
IMPORT_PROVIDER = "import"
"""The provider of grants that another system has delivered."""

SKIPPED = frozenset(
    {
        HEADER,
        "changed_player",
        "counted_player",
        "event_seen",
        "leaderboard_final",
        "leaderboard_ranking",
        "operator_audit",
        "player_import",
    }
)
"""Tables of an export that belong to the database that it comes from."""
_SETTLED = frozenset({ClaimState.GRANTED, ClaimState.REFUSED, ClaimState.DEAD, ClaimState.REFUNDED})


def header(user_id: str) -> str:
    """Return the first line of an export."""
    return json.dumps({"table": HEADER, "format": FORMAT, "user_id": user_id})


def line_of(table: str, content: str) -> str:
    """Return the line of a row, whose columns are given as a JSON object."""
    return json.dumps({"table": table, **json.loads(content)})


class LineRefused(ValueError):
    """A line cannot be imported; the message says which and why."""


Row = tuple[str, str, dict[str, Any]]
"""A row of a player: the table, the player and the columns."""


class LineReader:
    """Reads the lines of an import."""

    def __init__(self, tables: Mapping[str, LineTable], catalogue: Catalogue, operator: str) -> None:
        """`tables` are all tables of players, `operator` is who imports."""
        self._tables = tables
        self._catalogue = catalogue
        self._operator = operator

    def rows(self, lines: Iterable[str]) -> Iterator[Row]:
        """Yield the rows of lines that belong here; empty lines have none. Raise `LineRefused`."""
        numbered = ((number, line.strip()) for number, line in enumerate(lines, 1))
        filled = ((number, line) for number, line in numbered if line)
        while chunk := list(islice(filled, CHUNK_LINES)):
            try:
                yield from self._rows_at_once([line for _, line in chunk])
            except _Unclear:
                for number, line in chunk:
                    try:
                        found = self._rows_of(_document(line))
                    except ValueError as problem:
                        raise LineRefused(f"line {number}: {problem}") from None
                    yield from found

    def _rows_at_once(self, lines: Sequence[str]) -> list[Row]:
        """Return the rows of lines. Raise `_Unclear` if they have to be looked at one by one."""
        # One document costs half of what the lines cost one by one. No text spans lines, since JSON has no line breaks
        # in texts; and an object that spans lines that all end with a brace has another in it, which no column takes.
        if not all(line[0] == "{" and line[-1] == "}" for line in lines):
            raise _Unclear
        try:
            documents = json.loads("[" + ",\n".join(lines) + "]")
            if len(documents) != len(lines):
                raise _Unclear
            return list(chain.from_iterable(map(self._rows_of, documents)))
        except (ValueError, RecursionError):
            raise _Unclear from None

    def _rows_of(self, row: object) -> Sequence[Row]:
        """Return the rows of a line; none if it does not belong here. Raise ValueError, which says what is wrong."""
        if not isinstance(row, dict):
            raise ValueError("is no JSON object")
        table = row.pop("table", None)
        if not isinstance(table, str):
            raise ValueError("table: is no text")
        if table in SKIPPED:
            return ()
        found = self._tables.get(table)
        if found is None:
            raise ValueError(f"table: is not one of {', '.join(sorted(self._tables))}")
        user_id = row.get("user_id")
        if not isinstance(user_id, str):
            raise ValueError("user_id: is no text")
        problem = id_problem(user_id)
        if problem is not None:
            raise ValueError(f"user_id: {problem}")
        problem = found.problem(row)
        if problem is not None:
            raise ValueError(f"{table}: {problem}")
        if table == "tally":
            problem = tally_problem(row)
            if problem is not None:
                raise ValueError(f"tally: {problem}")
            return ((table, user_id, with_day_count(row)),)
        if table == "completion" and "points" not in row:
            return list(_completion(row, self._catalogue))
        if table == "reward_outbox" and row["state"] not in _SETTLED:
            raise ValueError("state: its grant may still be delivered: settle it where the player comes from")
        if table == "points_adjustment":
            row["imported_by"] = self._operator
        return ((table, user_id, row),)


class _Unclear(Exception):
    """Some line is wrong, or none."""


def _document(line: str) -> object:
    try:
        return json.loads(line)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"is not JSON: {error}") from None


def _completion(row: dict[str, Any], catalogue: Catalogue) -> Iterator[Row]:
    """Yield a completion that another system stored, and the grants of its claim, which that system delivered."""
    goal = catalogue.goals.get(row["goal_id"])
    if goal is None:
        raise ValueError("goal_id: is not a goal of the catalogue")
    user_id, claimed, occurrence = row["user_id"], row.get("claim_time") is not None, row.get("occurrence", 1)
    if occurrence < 1 or (goal.tiers and occurrence > goal.steps):
        raise ValueError("occurrence: is none of the goal")
    filled = {"challenge_id": goal.challenge_id, "tags": list(goal.tags), "points": goal.points_of(occurrence), **row}
    filled["claim_number"] = int(claimed)
    rewards = goal.rewards_of(occurrence)
    if claimed and len(rewards) > 1:
        filled["claimed_rewards"] = (1 << len(rewards)) - 1
    yield "completion", user_id, filled
    if claimed:
        yield from _grants(row, goal, rewards)


def _grants(row: dict[str, Any], goal: Goal, rewards: Sequence[Reward]) -> Iterator[Row]:
    start = row.get("period_start")
    key = CompletionKey(
        row["user_id"],
        goal.id,
        to_instant(datetime.fromisoformat(start)) if start else LIFETIME_START,
        row.get("occurrence", 1),
    )
    for number, reward in enumerate(rewards, 1):
        grant = {
            "user_id": key.user_id,
            "goal_id": key.goal_id,
            "period_start": start or "1970-01-01T00:00:00Z",
            "occurrence": key.occurrence,
            "claim_number": 1,
            "reward_number": number,
            "grant_id": grant_id(key, 1, number),
            "state": ClaimState.GRANTED.value,
            "provider": IMPORT_PROVIDER,
            "reward_type": reward.type.value,
            "reward_id": reward.id,
            "quantity": reward.quantity,
            "priority": reward.priority,
            "attempts": 0,
            "lease_token": 0,
            "due_time": row["claim_time"],
            "create_time": row["claim_time"],
            "settle_time": row["claim_time"],
        }
        yield "reward_outbox", key.user_id, grant
