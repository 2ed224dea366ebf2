"""Receiving the results of several statements that were sent together."""

from __future__ import annotations

import psycopg
from psycopg.abc import PQGen
from psycopg.generators import execute as receive
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult


def pipeline_results(pgconn: PGconn) -> PQGen[list[PGresult]]:
    """Return the results up to the end of the pipeline, and leave pipeline mode.

    After an error the server skips the other statements: their results have the status PIPELINE_ABORTED.
    """
    results: list[PGresult] = []
    while True:
        of_statement = yield from receive(pgconn)
        if of_statement and of_statement[0].status == ExecStatus.PIPELINE_SYNC:
            pgconn.exit_pipeline_mode()
            return results
        results += of_statement
        if pgconn.status != ConnStatus.OK:
            # The last result says why, if the server has said it.
            if not of_statement:
                raise psycopg.OperationalError("the connection is lost")
            return results
