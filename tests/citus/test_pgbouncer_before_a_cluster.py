"""PgBouncer in transaction mode before the coordinator: as before one server."""

from __future__ import annotations

import pytest

from shared.operations.database_probe import probe_database
from tests.support.databases import opened
from tests.support.pgbouncer import SETTING, pgbouncer_to, program, version

IGNORING = {"ignore_startup_parameters": "options"}

installed = pytest.mark.skipif(program() is None, reason=f"PgBouncer is not on PATH, nor at {SETTING}")


@installed
@pytest.mark.skipif(version() >= (1, 21), reason="the installed PgBouncer is not an old one")
def test_an_old_pgbouncer_is_refused_before_a_cluster(citus_url: str) -> None:
    with pgbouncer_to(citus_url, **IGNORING) as url, opened(url, 1) as database:
        problem = probe_database(database)
    assert problem is not None
    assert problem.startswith("sessions do not have ") or "PgBouncer 1.21" in problem
