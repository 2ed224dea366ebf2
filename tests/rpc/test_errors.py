"""Errors as callers receive them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import caller_errors, errors
from shared.rpc.statuses import CODES, status_of
from tests.rpc.serving import details_of, failure_of, running

TRAILERS_BYTES_MAX = 8_192


def concrete_errors() -> list[type[errors.ChallengeError]]:
    """Return every error that a call can end in."""
    classes = [kind for module in (errors, caller_errors) for _, kind in inspect.getmembers(module, inspect.isclass)]
    return sorted(
        {kind for kind in classes if issubclass(kind, errors.ChallengeError) and "reason" in vars(kind)},
        key=lambda kind: kind.reason,
    )


def raising(error: Exception) -> Callable[[object, object], bytes]:
    def reply(request: object, context: object) -> bytes:  # noqa: ARG001 - the signature of a method
        raise error

    return reply


def received(error: Exception) -> Any:
    """Return the error that a caller receives when a method raises `error`."""
    with running(raising(error)) as channel:
        return failure_of(channel)


def test_every_error_has_a_code() -> None:
    assert set(concrete_errors()) == set(CODES)


def test_reasons_are_unique_upper_case_words() -> None:
    reasons = [kind.reason for kind in concrete_errors()]
    assert len(set(reasons)) == len(reasons)
    assert all(reason.isupper() and reason.replace("_", "").isalpha() for reason in reasons)


def test_reason_and_metadata_reach_the_caller() -> None:
    failure = received(errors.GoalNotFound("no goal x in challenge y", goal_id="x", challenge_id="y"))
    assert failure.code() is grpc.StatusCode.NOT_FOUND
    assert failure.details() == "no goal x in challenge y"
    info = details_of(failure)[ErrorInfo]
    assert (info.reason, info.domain, dict(info.metadata)) == (
        "GOAL_NOT_FOUND",
        "challenge.v1",
        {"goal_id": "x", "challenge_id": "y"},
    )


def test_an_invalid_request_names_the_fields() -> None:
    violations = [errors.FieldViolation("user_id", "is empty"), errors.FieldViolation("goal_id", "is too long")]
    details = details_of(received(errors.InvalidRequest(violations)))
    assert [(violation.field, violation.description) for violation in details[BadRequest].field_violations] == [
        ("user_id", "is empty"),
        ("goal_id", "is too long"),
    ]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.Overloaded("buffer full", retry_after_s=0.2), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (errors.DatabaseUnavailable(retry_after_s=1.5), grpc.StatusCode.UNAVAILABLE),
        (errors.ShuttingDown(), grpc.StatusCode.UNAVAILABLE),
    ],
)
def test_a_retryable_error_carries_its_delay(error: errors.RetryableError, code: grpc.StatusCode) -> None:
    failure = received(error)
    assert failure.code() is code
    delay = details_of(failure)[RetryInfo].retry_delay
    assert delay.seconds + delay.nanos / 1e9 == pytest.approx(error.retry_after_s)


def test_an_unhandled_exception_is_reported_by_an_id_and_logged_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failure = received(KeyError("the secret row"))
    assert failure.code() is grpc.StatusCode.INTERNAL
    info = details_of(failure)[ErrorInfo]
    assert info.reason == "INTERNAL"
    assert failure.details() == f"internal error {info.metadata['error_id']}"
    (record,) = [record for record in caplog.records if record.name == "shared.rpc.statuses"]
    assert record.__dict__["error_id"] == info.metadata["error_id"]
    assert record.exc_info is not None
    assert "the secret row" in str(record.exc_info[1])


def test_a_response_that_is_not_a_message_is_an_internal_error(caplog: pytest.LogCaptureFixture) -> None:
    def reply(request: object, context: object) -> None:  # noqa: ARG001 - the signature of a method
        return None

    with running(reply) as channel:
        assert failure_of(channel).code() is grpc.StatusCode.INTERNAL
    assert caplog.records


def test_ids_of_any_script_arrive_unchanged() -> None:
    goal_id = "\u202eكأس 🏆 'OR 1=1'"
    failure = received(errors.GoalNotFound(f"no goal {goal_id}", goal_id=goal_id))
    assert failure.details() == f"no goal {goal_id}"
    assert details_of(failure)[ErrorInfo].metadata["goal_id"] == goal_id


def test_an_error_of_maximum_length_reaches_the_caller() -> None:
    worst = "🏆" * 10_000
    failure = received(errors.GoalNotFound(worst, a=worst, b=worst, c=worst, d=worst, e=worst))
    assert failure.code() is grpc.StatusCode.NOT_FOUND
    failure = received(errors.InvalidRequest([errors.FieldViolation(worst, worst)] * 100))
    assert failure.code() is grpc.StatusCode.INVALID_ARGUMENT


@given(
    message=st.text(st.characters(exclude_categories=[]), max_size=3_000),
    metadata=st.dictionaries(st.sampled_from("abcdefgh"), st.text(st.characters(exclude_categories=[]), max_size=900)),
    violations=st.integers(0, 40),
)
def test_every_error_fits_into_the_trailers(message: str, metadata: dict[str, str], violations: int) -> None:
    for error in (
        errors.GoalNotFound(message, **metadata),
        errors.InvalidRequest([errors.FieldViolation(message, message)] * violations),
    ):
        status = status_of(error, "method")
        ((_, details),) = status.trailing_metadata or ()
        percent_encoded = 3 * len(status.details.encode())
        in_base64 = (len(details) + 2) // 3 * 4
        assert percent_encoded + in_base64 < TRAILERS_BYTES_MAX
