"""Steps that look after tables and indexes."""

from __future__ import annotations

from collections.abc import Iterator

from admin.steps import Step, impossible, said
from shared.domain.maintenance import Index, IndexWork, TableWork, index_work, table_work
from shared.postgres.maintenance import index_definitions, maintenance_commands
from shared.postgres.maintenance.maintenance import MaintenanceSession, activity, is_alone

_WORK = {
    IndexWork.CREATE: index_definitions.create_index,
    IndexWork.REBUILD: maintenance_commands.rebuild_index,
    IndexWork.DROP: maintenance_commands.drop_index,
}


def index_steps(session: MaintenanceSession) -> Iterator[Step]:
    """Make the indexes those of the migrations, beside those who write."""
    if not session.do(is_alone):
        yield impossible("indexes", "somebody else migrates or creates indexes at the moment")
        return
    wanted = index_definitions.wanted_indexes()
    todo = list(index_work(wanted, session.do(index_definitions.present_indexes)))
    if not todo:
        yield said("indexes", f"all {len(wanted)} are there and valid")
    for index, work in todo:
        yield _index_step(session, index, work)


def _index_step(session: MaintenanceSession, index: Index, work: IndexWork) -> Step:
    what = f"{work} index {index.name} of {index.table}"
    if work is IndexWork.BY_HAND:
        return impossible(f"index {index.name} of {index.table}", f"{work}; the migrations say: {index.definition}")
    act = _WORK[work]

    def do(_: object) -> str:
        session.do(lambda connection: act(connection, index.name))
        return "done"

    return Step(what, do)


def table_steps(session: MaintenanceSession) -> Iterator[Step]:
    """Vacuum and analyze what it is worth for."""
    todo = table_work(session.do(activity))
    if not todo:
        yield said("tables", "none has changed so much that it would be worth it")
    for table, work in todo.items():
        yield _table_step(session, table, work)


def _table_step(session: MaintenanceSession, table: str, work: TableWork) -> Step:
    act = maintenance_commands.vacuum if work is TableWork.VACUUM else maintenance_commands.analyze

    def do(_: object) -> str:
        session.do(lambda connection: act(connection, table))
        return "done"

    return Step(f"{work} {table}", do)
