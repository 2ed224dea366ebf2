"""Operators' changes, as the audit records them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from shared.domain.instant import Instant


class ActKind(StrEnum):
    """The kinds of changes: the commands that make them. Values are written to the audit."""

    BOARDS_REBUILD = "boards rebuild"
    DISTRIBUTE = "distribute"
    GOAL_COMPLETE = "goal complete"
    GOAL_REOPEN = "goal reopen"
    GOAL_RESET = "goal reset"
    GOAL_UNDO = "goal undo"
    IDENTITY_RENEW = "identity renew"
    MIGRATE = "migrate"
    MIGRATE_BACK = "migrate back"
    OPTIMIZE = "optimize"
    PLAYER_ERASE = "player erase"
    PLAYER_IMPORT = "player import"
    POINTS_ADJUST = "points adjust"
    RECALCULATE = "recalculate"
    REWARDS_BURY = "rewards bury"
    REWARDS_PRIORITISE = "rewards prioritise"
    REWARDS_REFUND = "rewards refund"
    REWARDS_REROUTE = "rewards reroute"
    REWARDS_RETRY = "rewards retry"
    ROLES = "roles"
    VERIFY_REPAIR = "verify repair"


class ActPhase(StrEnum):
    """The progress of a recorded change. A change that is one transaction is only ever recorded as done."""

    BEGUN = "BEGUN"
    DONE = "DONE"
    FAILED = "FAILED"


class Acting(NamedTuple):
    """An operator who acts, when and why."""

    time: Instant
    operator: str | None = None
    """The name that the operator gave; None if none was given."""
    reason: str | None = None


class OperatorAct(NamedTuple):
    """A change to record."""

    kind: ActKind
    acting: Acting
    user_id: str | None = None
    """The player, if the change concerns one."""
    details: Mapping[str, Any] = {}
    """The change itself, as JSON."""


@dataclass
class ActOutcome:
    """The outcome of a change that is more than one transaction."""

    details: dict[str, Any] = field(default_factory=dict)
    complete: bool = True
    """False if it was not done, or not all of it."""
