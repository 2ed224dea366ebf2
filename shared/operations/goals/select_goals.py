"""Selection of goals that a player has chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from shared.domain.catalogue import Catalogue, Challenge
from shared.domain.current_periods import shown_periods
from shared.domain.grants import Granting
from shared.domain.instant import Instant
from shared.domain.selecting import Circumstances, Switches, goals_named, refuse_pool, switches_to
from shared.operations.goals.selection_requests import (
    SelectionChange,
    SelectionOutcome,
    SelectionRequest,
    change_selection,
)
from shared.operations.goals.switch_goals import read_circumstances, switch_goals
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals.selections import SelectionKey, StoredSelection


class Selected(NamedTuple):
    """The switches of a call: goal ids in the catalogue's order."""

    activated: tuple[str, ...] = ()
    deactivated: tuple[str, ...] = ()

    @classmethod
    def by(cls, switches: Switches) -> Selected:
        """Return the ids of what was switched."""
        return cls(tuple(goal.id for goal in switches.on), tuple(goal.id for goal in switches.off))


def select_goals(
    database: Database,
    catalogue: Catalogue,
    user_id: str,
    challenge: Challenge,
    goal_ids: Iterable[str],
    replace: bool,
    request_id: str | None,
    now: Instant,
    deadline: float,
    granting: Granting | None = None,
) -> SelectionOutcome[Selected]:
    """Activate these goals, all or none, and return what was switched; once under a request id.

    With `replace`, also deactivate what the player had selected before in the challenge, see `switches_to`. `granting`
    is for goals that are claimed automatically.

    Raise `SelectedByPool`, `GoalNotFound`, `RequestIdReused`, `ActivationLocked`, `OnCooldown`,
    `ActivationLimitReached`, or `DatabaseUnavailable`, `DeadlineExceeded` and `Overloaded`, after which the same call
    may be sent again.
    """
    refuse_pool(challenge)
    chosen = goals_named(challenge, goal_ids)

    def decide(player: Circumstances) -> Switches:
        return switches_to(challenge, chosen, replace, player, catalogue)

    def read_before(connection: Connection) -> Circumstances:
        return read_circumstances(connection, catalogue, user_id, challenge, now, replace=replace)

    def change(connection: Connection, _: StoredSelection, player: Circumstances) -> SelectionChange[Selected]:
        switched = switch_goals(connection, catalogue, user_id, challenge, player, decide, now, granting)
        return SelectionChange(Selected.by(switched), is_change=switched != Switches())

    request = SelectionRequest("SelectGoals", (sorted(goal.id for goal in chosen), replace), request_id)
    key = SelectionKey(user_id, challenge.id)
    shown = shown_periods(catalogue, now)
    return change_selection(database, key, request, read_before, change, _decoded, shown, now, deadline)


def _decoded(stored: Mapping[str, Any]) -> Selected:
    return Selected(tuple(stored["activated"]), tuple(stored["deactivated"]))
