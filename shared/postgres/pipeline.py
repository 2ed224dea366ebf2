"""Receiving the results of several statements that were sent together."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg.abc import PQGen
from psycopg.generators import execute as receive
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

COPYING = frozenset({ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH})
"""Statuses of results that would be returned again for ever: the connection copies, and no statement here does."""


def pipeline_results(pgconn: PGconn, received: Sequence[PGresult] = ()) -> PQGen[list[PGresult]]:
    """Return the results up to the end of the pipeline, those `received` before included, and leave pipeline mode.

    After an error the server skips the other statements: their results have the status PIPELINE_ABORTED. A statement
    that copies is the last one, and the connection stays in pipeline mode.
    """
    results = list(received)
    while True:
        of_statement = yield from receive(pgconn)
        if of_statement and of_statement[0].status == ExecStatus.PIPELINE_SYNC:
            pgconn.exit_pipeline_mode()
            return results
        results += of_statement
        if of_statement and of_statement[-1].status in COPYING:
            return results
        if pgconn.status != ConnStatus.OK:
            # A result says why, if the server has said it.
            if all(result.status != ExecStatus.FATAL_ERROR for result in results):
                raise psycopg.OperationalError("the connection is lost")
            return results
