"""Steps of `optimize` on tables and indexes."""

from __future__ import annotations

from collections.abc import Callable

from admin.steps import Advance, Steps
from shared.domain.maintenance import IndexWork, TableWork, index_work, table_work
from shared.postgres.connection import Connection
from shared.postgres.maintenance import index_definitions, maintenance_commands
from shared.postgres.maintenance.maintenance import MaintenanceSession, activity, is_alone

_INDEX_COMMANDS = {
    IndexWork.CREATE: index_definitions.create_index,
    IndexWork.REBUILD: maintenance_commands.rebuild_index,
    IndexWork.DROP: maintenance_commands.drop_index,
}
_TABLE_COMMANDS = {TableWork.VACUUM: maintenance_commands.vacuum, TableWork.ANALYZE: maintenance_commands.analyze}


def repair_indexes(steps: Steps, session: MaintenanceSession) -> None:
    """Give the database the indexes of the migrations, without blocking writers."""
    if not session.do(is_alone):
        steps.fail("indexes", "somebody else migrates or creates indexes at the moment")
        return
    wanted = index_definitions.wanted_indexes()
    todo = list(index_work(wanted, session.do(index_definitions.present_indexes)))
    if not todo:
        steps.skip("indexes", f"all {len(wanted)} are there and valid")
    for index, work in todo:
        target = f"index {index.name} of {index.table}"
        if work is IndexWork.BY_HAND:
            steps.fail(target, f"{work}; the migrations say: {index.definition}")
        else:
            steps.do(f"{work} {target}", _command(session, _INDEX_COMMANDS[work], index.name))


def tidy_tables(steps: Steps, session: MaintenanceSession) -> None:
    """Vacuum and analyze the tables that have changed much."""
    todo = table_work(session.do(activity))
    if not todo:
        steps.skip("tables", "none has changed so much that it would be worth it")
    for table, work in todo.items():
        steps.do(f"{work} {table}", _command(session, _TABLE_COMMANDS[work], table))


def _command(
    session: MaintenanceSession, command: Callable[[Connection, str], None], target: str
) -> Callable[[Advance], str]:
    def work(_: Advance) -> str:
        session.do(lambda connection: command(connection, target))
        return "done"

    return work
