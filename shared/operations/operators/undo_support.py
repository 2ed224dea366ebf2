"""Undoing of a correction of one goal of one player, by its number in the audit."""

from __future__ import annotations

from shared.domain.catalogue import Catalogue
from shared.domain.operator_acts import Acting, ActKind
from shared.operations.operators.goal_support import Corrected, GoalSupport, SupportRefused, Work
from shared.postgres.connection import Connection
from shared.postgres.operators import operator_audit
from shared.postgres.operators.goal_support import TakenTally

_UNDOABLE = (ActKind.GOAL_COMPLETE, ActKind.GOAL_REOPEN, ActKind.GOAL_RESET)


def undo(catalogue: Catalogue, audit_id: int, acting: Acting) -> Work:
    """Return the work that undoes a recorded correction. Other goals that it completed in turn stay completed."""

    def work(connection: Connection) -> Corrected:
        act = operator_audit.find(connection, audit_id)
        if act is None or act.user_id is None or act.kind not in _UNDOABLE:
            raise SupportRefused(f"{audit_id} is no correction of a goal in the audit")
        goal = catalogue.goals.get(act.details["goal_id"])
        if goal is None:
            raise SupportRefused("the catalogue does not have the goal any more")
        if operator_audit.begin_undo(connection, act):
            raise SupportRefused(f"{audit_id} is undone already")
        support = GoalSupport(catalogue, act.user_id, goal, acting, act.details["period_start"], audit_id)
        if act.kind == ActKind.GOAL_COMPLETE:
            return support.reopen(connection, act.details["occurrences"][0])
        tally = act.details.get("tally")
        occurrences = [each["occurrence"] for each in act.details["taken_back"]]
        return support.restore(connection, occurrences, None if tally is None else TakenTally(**tally))

    return work
