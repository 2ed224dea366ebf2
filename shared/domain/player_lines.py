"""The format in which players are exported and imported: JSON, one object a line.

A line names the table in `table`; the other keys are its columns. Columns that have a default may be missing. Of
completions and claims that another system made, what the catalogue says is filled in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from shared.domain.acceptance import id_problem
from shared.domain.catalogue import Catalogue
from shared.domain.claims import ClaimState, grant_id
from shared.domain.events import CompletionKey
from shared.domain.goal import Goal
from shared.domain.instant import LIFETIME_START, to_instant
from shared.domain.reward import Reward

FORMAT = 1
HEADER = "export"
"""The table of the first line of an export."""
IMPORT_PROVIDER = "import"
"""The provider of grants that another system has delivered."""

SKIPPED = frozenset({HEADER, "event_seen", "leaderboard_final", "operator_audit", "player_import"})
"""Tables of an export that belong to the database that it comes from."""
_SETTLED = frozenset({ClaimState.GRANTED, ClaimState.REFUSED, ClaimState.DEAD, ClaimState.REFUNDED})


def header(user_id: str) -> str:
    """Return the first line of an export."""
    return json.dumps({"table": HEADER, "format": FORMAT, "user_id": user_id})


def line_of(table: str, content: str) -> str:
    """Return the line of a row, whose columns are given as a JSON object."""
    return json.dumps({"table": table, **json.loads(content)})


def read_line(line: str, columns: Mapping[str, frozenset[str]], catalogue: Catalogue) -> list[tuple[str, str, str]]:
    """Return the rows of a line as table, player and columns in JSON; none if it does not belong here.

    `columns` are those of all tables of players. Raise ValueError, which says what is wrong with the line.
    """
    try:
        if not line.isascii():
            # Bytes that are not UTF-8 arrive as lone surrogates.
            line.encode()
        row = json.loads(line)
    except UnicodeEncodeError:
        raise ValueError("is not UTF-8") from None
    except ValueError as error:
        raise ValueError(f"is not JSON: {error}") from None
    if not isinstance(row, dict):
        raise ValueError("is no JSON object")
    table, user_id = str(row.get("table")), row.get("user_id")
    if table in SKIPPED:
        return []
    known = columns.get(table)
    if known is None:
        raise ValueError(f"table: is not one of {', '.join(sorted(columns))}")
    if not isinstance(user_id, str):
        raise ValueError("user_id: is no text")
    problem = id_problem(user_id)
    if problem is not None:
        raise ValueError(f"user_id: {problem}")
    if not row.keys() - {"table"} <= known:
        unknown = ", ".join(sorted(row.keys() - known - {"table"}))
        raise ValueError(f"{table} has no column {unknown}")
    if table == "completion" and "points" not in row:
        return list(_completion(row, catalogue))
    if table == "reward_outbox" and row.get("state") not in _SETTLED:
        raise ValueError("state: its grant may still be delivered: settle it where the player comes from")
    return [(table, user_id, line)]


def _completion(row: dict[str, Any], catalogue: Catalogue) -> Iterator[tuple[str, str, str]]:
    """Yield a completion that another system stored, and the grants of its claim, which that system delivered."""
    goal = catalogue.goals.get(row.get("goal_id", ""))
    if goal is None:
        raise ValueError("goal_id: is not a goal of the catalogue")
    user_id, claimed, occurrence = row["user_id"], row.get("claim_time") is not None, row.get("occurrence", 1)
    if not isinstance(occurrence, int) or (goal.tiers and not 1 <= occurrence <= goal.steps):
        raise ValueError("occurrence: is none of the goal")
    filled = {"challenge_id": goal.challenge_id, "tags": list(goal.tags), "points": goal.points_of(occurrence), **row}
    filled["claim_number"] = int(claimed)
    rewards = goal.rewards_of(occurrence)
    if claimed and len(rewards) > 1:
        filled["claimed_rewards"] = (1 << len(rewards)) - 1
    yield "completion", user_id, json.dumps(filled)
    if claimed:
        yield from _grants(row, goal, rewards)


def _grants(row: dict[str, Any], goal: Goal, rewards: Sequence[Reward]) -> Iterator[tuple[str, str, str]]:
    start = row.get("period_start")
    key = CompletionKey(row["user_id"], goal.id, _instant(start) if start else LIFETIME_START, row.get("occurrence", 1))
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
        yield "reward_outbox", key.user_id, json.dumps(grant)


def _instant(text: object) -> int:
    try:
        return to_instant(datetime.fromisoformat(str(text)))
    except ValueError:
        raise ValueError("period_start: is no time in ISO 8601 with its zone") from None
