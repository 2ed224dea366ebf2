"""Events through PgBouncer while it loses its connections or is killed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import grpc
import psycopg
from challenge.v1.event_service_pb2 import ReportEventRequest

from shared.operations.database_probe import probe_database
from shared.operations.goals.view_player import view_player
from tests.support.databases import PATIENCE_S, opened, soon
from tests.support.event_messages import stat
from tests.support.goals import catalogue_of, goal
from tests.support.pgbouncer import IGNORING, running_pgbouncer
from tests.support.services import NOW, event_service
from tests.support.strategies import KILLS
from tests.support.waiting import wait_until

CATALOGUE = catalogue_of(goal(target=5))
WRITERS, EVENTS = 4, 100
LOSSES = ("its connections to the server", "the process")
RETRYABLE = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED}


def sums_after_losses(service_url: str, lost: str) -> list[int]:
    """Let writers report events, each until it is acknowledged, and return the sums of their players.

    Meanwhile PgBouncer twice loses one of the `LOSSES`.
    """
    refused: list[grpc.StatusCode] = []
    pause = threading.Event()
    acknowledged = threading.Semaphore(0)
    with (
        running_pgbouncer(service_url, **IGNORING) as pooler,
        event_service(pooler.url, CATALOGUE, clock=lambda: NOW) as stub,
        ThreadPoolExecutor(WRITERS) as threads,
    ):

        def write(user_id: str) -> None:
            for number in range(EVENTS):
                event = stat(KILLS.code, user_id, delta=1, event_id=f"{number}")
                while not is_acknowledged(ReportEventRequest(event=event)):
                    pause.wait(0.02)
                acknowledged.release()

        def is_acknowledged(request: ReportEventRequest) -> bool:
            try:
                stub.ReportEvent(request, timeout=PATIENCE_S)
            except grpc.RpcError as error:
                if error.code() not in RETRYABLE:
                    raise
                refused.append(error.code())
                return False
            return True

        def is_refused_again(before: int) -> bool:
            return len(refused) > before

        users = [f"player {writer}" for writer in range(WRITERS)]
        writing = [threads.submit(write, user_id) for user_id in users]
        for _loss in range(2):
            for _ in range(WRITERS * EVENTS // 3):
                assert acknowledged.acquire(timeout=PATIENCE_S)
            if lost == "the process":
                pooler.kill()
                # Calls meet it while it is away.
                wait_until(partial(is_refused_again, len(refused)))
                pooler.start()
            else:
                terminate_sessions(service_url)
        for written in writing:
            written.result()
        with opened(pooler.url) as database:
            assert probe_database(database) is None
            return [view_player(database, user_id, soon()).tallies[KILLS].measures.sum for user_id in users]


def terminate_sessions(url: str) -> None:
    """End all sessions of the role in this database."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user"
            " AND datname = current_database() AND pid <> pg_backend_pid()"
        )
