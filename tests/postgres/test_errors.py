"""What a database error means, by its SQLSTATE."""

from __future__ import annotations

import psycopg
import pytest

from shared.domain.errors import ChallengeError, DatabaseUnavailable, DeadlineExceeded
from shared.postgres.connection import AnswerTimeout
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
    "55P03": Failure.UNAVAILABLE,
    "57014": Failure.UNAVAILABLE,
    "57P03": Failure.UNAVAILABLE,
    "58030": Failure.UNAVAILABLE,
    "XX001": Failure.UNAVAILABLE,
    # Without the name of a constraint: the row met a partition in the making.
    "23514": Failure.CONFLICT,
    "42P01": Failure.BUG,
    "42703": Failure.BUG,
    "21000": Failure.BUG,
}

HEARD: dict[Failure, type[ChallengeError] | None] = {
    Failure.CONNECTION_LOST: DatabaseUnavailable,
    Failure.CONFLICT: DatabaseUnavailable,
    Failure.UNAVAILABLE: DatabaseUnavailable,
    Failure.TIMEOUT: DeadlineExceeded,
    Failure.CONTENT: None,
    Failure.BUG: None,
}


@pytest.mark.parametrize(("sqlstate", "failure"), MEANINGS.items(), ids=list(MEANINGS))
def test_a_sqlstate_says_what_can_be_done(sqlstate: str, failure: Failure) -> None:
    error = psycopg.errors.lookup(sqlstate)()
    assert classify(error) is failure
    heard = to_domain(error)
    assert (type(heard) if heard is not None else None) is HEARD[failure]


def test_an_error_without_sqlstate_is_a_lost_connection_or_a_bug() -> None:
    assert classify(psycopg.OperationalError("the connection is closed")) is Failure.CONNECTION_LOST
    assert classify(psycopg.ProgrammingError("wrong number of parameters")) is Failure.BUG


def test_no_answer_in_time_is_a_passed_deadline() -> None:
    error = AnswerTimeout("nothing")
    assert classify(error) is Failure.TIMEOUT
    assert isinstance(to_domain(error), DeadlineExceeded)


def test_every_failure_is_heard_as_something() -> None:
    assert HEARD.keys() == set(Failure)
