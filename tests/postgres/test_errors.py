"""Classification of database errors by SQLSTATE."""

from __future__ import annotations

import psycopg
import pytest

from shared.domain.errors import ChallengeError, DatabaseUnavailable, DeadlineExceeded
from shared.postgres.bounded_waits import ResponseTimeout, ServerSilent
from shared.postgres.sqlstates import Failure, classify, to_domain

MEANINGS = {
    "08006": Failure.CONNECTION_LOST,
    "57P01": Failure.CONNECTION_LOST,
    "57P02": Failure.CONNECTION_LOST,
    "25P03": Failure.CONNECTION_LOST,
    "40001": Failure.CONFLICT,
    "40P01": Failure.CONFLICT,
    "22003": Failure.CONTENT,
    "22021": Failure.CONTENT,
    "25006": Failure.UNAVAILABLE,
    "53100": Failure.UNAVAILABLE,
    "53200": Failure.UNAVAILABLE,
    "53300": Failure.UNAVAILABLE,
    "55P03": Failure.LOCKED,
    "55006": Failure.UNAVAILABLE,
    "57014": Failure.UNAVAILABLE,
    "57P03": Failure.UNAVAILABLE,
    "58030": Failure.UNAVAILABLE,
    "XX001": Failure.UNAVAILABLE,
    # Without a constraint name: the row met a partition that was being created.
    "23514": Failure.CONFLICT,
    "3F000": Failure.SCHEMA,
    "42P01": Failure.SCHEMA,
    "42703": Failure.SCHEMA,
    "42704": Failure.SCHEMA,
    "42883": Failure.SCHEMA,
    "42501": Failure.DENIED,
    "42601": Failure.BUG,
    "21000": Failure.BUG,
}

CALLER_ERRORS: dict[Failure, type[ChallengeError]] = {
    Failure.CONNECTION_LOST: DatabaseUnavailable,
    Failure.CONFLICT: DatabaseUnavailable,
    Failure.LOCKED: DatabaseUnavailable,
    Failure.SCHEMA: DatabaseUnavailable,
    Failure.DENIED: DatabaseUnavailable,
    Failure.SILENT: DatabaseUnavailable,
    Failure.UNAVAILABLE: DatabaseUnavailable,
    Failure.TIMEOUT: DeadlineExceeded,
}
"""Rejected content and bugs are raised as such."""


@pytest.mark.parametrize(("sqlstate", "failure"), MEANINGS.items(), ids=list(MEANINGS))
def test_a_sqlstate_is_classified(sqlstate: str, failure: Failure) -> None:
    error = psycopg.errors.lookup(sqlstate)()
    assert classify(error) is failure


def test_an_error_without_sqlstate_is_a_lost_connection_or_a_bug() -> None:
    assert classify(psycopg.OperationalError("the connection is closed")) is Failure.CONNECTION_LOST
    assert classify(psycopg.ProgrammingError("wrong number of parameters")) is Failure.BUG


def test_no_response_in_time_is_a_timeout() -> None:
    assert classify(ResponseTimeout("nothing")) is Failure.TIMEOUT


def test_no_response_while_the_process_stops_is_silence() -> None:
    assert classify(ServerSilent("nothing")) is Failure.SILENT


@pytest.mark.parametrize(("failure", "error"), CALLER_ERRORS.items(), ids=lambda value: getattr(value, "name", ""))
def test_callers_are_told_of_passing_failures(failure: Failure, error: type[ChallengeError]) -> None:
    assert type(to_domain(failure)) is error


def test_every_failure_has_a_caller_error_or_is_raised_as_such() -> None:
    assert CALLER_ERRORS.keys() | {Failure.CONTENT, Failure.BUG} == set(Failure)
