"""A table that is missing makes calls UNAVAILABLE, whichever table and whichever method: no call is INTERNAL."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import psycopg
import pytest
from challenge.v1 import event_service_pb2
from challenge.v1.leaderboard_service_pb2_grpc import LeaderboardServiceStub
from challenge.v1.statistics_service_pb2_grpc import StatisticsServiceStub
from google.protobuf.message import Message
from psycopg import sql

from event_handler.__main__ import CONTRACT as EVENT_CONTRACT
from shared.domain.claims import grant_id
from shared.domain.events import CompletionKey
from shared.domain.instant import LIFETIME_START
from tests.challenge_service.test_servicer import REQUESTS
from tests.support.event_messages import login, stat
from tests.support.leaderboards import ranked_now
from tests.support.postgres_server import PostgresServer
from tests.support.sample_catalogue import sample_catalogue_with_leaderboards
from tests.support.services import Game, game, rows

TABLES = (
    "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p', 'v') AND NOT relispartition"
    " AND relnamespace = 'public'::regnamespace AND relname !~ 'yoyo' ORDER BY relname"
)
EVENT_METHODS = [method.name for method in EVENT_CONTRACT.methods]
METHODS = [*REQUESTS, *EVENT_METHODS]

WITHOUT_DATABASE = {"GetRotation", "ListLeaderboards"}
"""Methods that read the catalogue alone."""

Codes = Mapping[str, Mapping[str, grpc.StatusCode]]
"""Status codes by method and missing table."""


@pytest.fixture(scope="module")
def codes(postgres_server: PostgresServer) -> Iterator[Codes]:
    """Yield the status of every method while each table in turn has another name."""
    catalogue = sample_catalogue_with_leaderboards()
    found: dict[str, dict[str, grpc.StatusCode]] = {name: {} for name in METHODS}
    with postgres_server.fresh_database() as url, psycopg.connect(url, autocommit=True) as administrator:
        tables = [str(name) for (name,) in rows(url, TABLES)]
        with game(url, catalogue) as running:
            # A player for each table: what a call changes does not hide what the next one reads.
            running.report(*(event for user in tables for event in (stat("wins", user, delta=3), login(user))))
            for user in tables:
                running.claim("welcome", user)
            ranked_now(url, catalogue)
            for table in tables:
                rename(administrator, table, f"{table}_away")
                for name in METHODS:
                    found[name][table] = code_of(running, name, table)
                rename(administrator, f"{table}_away", table)
        yield found


def rename(connection: psycopg.Connection[Any], table: str, other: str) -> None:
    """Rename a table."""
    connection.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(sql.Identifier(table), sql.Identifier(other)))


def code_of(running: Game, name: str, user_id: str) -> grpc.StatusCode:
    """Return how a call for the player ends; the response is not of interest."""
    try:
        call(running, name, user_id)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def call(running: Game, name: str, user_id: str) -> object:
    """Call a method for a player."""
    event = stat("wins", user_id, delta=1, event_id=uuid.uuid4().hex)
    if name == "ReportEvent":
        return running.events.ReportEvent(event_service_pb2.ReportEventRequest(event=event))
    if name == "ReportEvents":
        return running.report(event)
    if name == "StreamEvents":
        return list(running.events.StreamEvents(iter([event_service_pb2.StreamEventsRequest(events=[event])])))
    request = type(REQUESTS[name])()
    request.CopyFrom(REQUESTS[name])
    _give_player(request, user_id)
    stubs = [running.challenges, StatisticsServiceStub(running.channel), LeaderboardServiceStub(running.channel)]
    (method,) = [getattr(stub, name) for stub in stubs if hasattr(stub, name)]
    return method(request)


def _give_player(request: Message, user_id: str) -> None:
    if "user_id" in request.DESCRIPTOR.fields_by_name:
        setattr(request, "user_id", user_id)  # noqa: B010 - not every request has the field
    if "grant_id" in request.DESCRIPTOR.fields_by_name:
        setattr(request, "grant_id", grant_id(CompletionKey(user_id, "welcome", LIFETIME_START, 1), 1))  # noqa: B010


@pytest.mark.parametrize("name", METHODS)
def test_a_missing_table_is_unavailable_in_every_method(codes: Codes, name: str) -> None:
    by_table = codes[name]
    assert set(by_table.values()) <= {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}, by_table
    assert (grpc.StatusCode.UNAVAILABLE in by_table.values()) == (name not in WITHOUT_DATABASE)
