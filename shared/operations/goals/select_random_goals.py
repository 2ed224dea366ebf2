"""Selection of goals that are drawn at random for a player."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.domain.catalogue import Catalogue, Challenge
from shared.domain.current_periods import shown_periods
from shared.domain.draws import seed_id
from shared.domain.grants import Granting
from shared.domain.instant import Instant
from shared.domain.random_selection import Draw, LeftOut, Wish, draw
from shared.domain.selecting import Circumstances, Switches, refuse_pool, switches_to
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

_SEED_BYTES = 32


class RandomlySelected(NamedTuple):
    """The outcome of a random selection: goal ids and the numbers behind the draw."""

    selected: tuple[str, ...]
    """In the order of the draw; the others are in the catalogue's order."""
    activated: tuple[str, ...]
    deactivated: tuple[str, ...]
    pool_size: int
    left_out: Mapping[LeftOut, int]
    empty_reason: LeftOut | None
    free_places: int | None
    seed_id: str


def select_random_goals(
    database: Database,
    catalogue: Catalogue,
    user_id: str,
    challenge: Challenge,
    wish: Wish,
    replace: bool,
    request_id: str | None,
    now: Instant,
    deadline: float,
    granting: Granting | None = None,
) -> SelectionOutcome[RandomlySelected]:
    """Draw goals and activate them, and return what was drawn and switched; once under a request id.

    With `replace`, also deactivate what the player had selected before in the challenge, see `switches_to`, unless
    nothing can be drawn. `granting` is for goals that are claimed automatically.

    Raise `SelectedByPool`, `RequestIdReused`, or `DatabaseUnavailable`, `DeadlineExceeded` and `Overloaded`, after
    which the same call may be sent again.
    """
    refuse_pool(challenge)
    seed = secrets.token_bytes(_SEED_BYTES)

    def read_before(connection: Connection) -> Circumstances:
        return read_circumstances(connection, catalogue, user_id, challenge, now, replace=replace)

    def change(connection: Connection, _: StoredSelection, seen: Circumstances) -> SelectionChange[RandomlySelected]:
        made: list[Draw] = []

        def decide(player: Circumstances) -> Switches:
            # Drawn once, from the first view: an event that comes afterwards changes nothing about the draw.
            if not made:
                made.append(draw(challenge, wish, replace, player, catalogue, now, seed))
            return switches_to(challenge, made[0].goals, replace and bool(made[0].goals), player, catalogue)

        switched = switch_goals(connection, catalogue, user_id, challenge, seen, decide, now, granting)
        selected = _selected(made[0], switched, seed_id(seed))
        return SelectionChange(selected, is_change=switched != Switches())

    request = SelectionRequest("SelectRandomGoals", (*wish, replace), request_id)
    key = SelectionKey(user_id, challenge.id)
    shown = shown_periods(catalogue, now)
    return change_selection(database, key, request, read_before, change, _decoded, shown, now, deadline)


def _selected(drawn: Draw, switched: Switches, seed: str) -> RandomlySelected:
    return RandomlySelected(
        tuple(goal.id for goal in drawn.goals),
        tuple(goal.id for goal in switched.on),
        tuple(goal.id for goal in switched.off),
        drawn.pool_size,
        drawn.left_out,
        drawn.empty_reason,
        drawn.free_places,
        seed,
    )


def _decoded(stored: Mapping[str, Any]) -> RandomlySelected:
    empty_reason = stored["empty_reason"]
    return RandomlySelected(
        tuple(stored["selected"]),
        tuple(stored["activated"]),
        tuple(stored["deactivated"]),
        stored["pool_size"],
        {LeftOut(reason): count for reason, count in stored["left_out"].items()},
        None if empty_reason is None else LeftOut(empty_reason),
        stored["free_places"],
        stored["seed_id"],
    )
