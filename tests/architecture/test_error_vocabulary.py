"""Every error that a call can end in has a reason, a status code, and a value in the contract."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from challenge.v1.error_reason_pb2 import ErrorReason
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo  # type: ignore[import-untyped]

from shared.domain import caller_errors, errors
from shared.domain.errors import ChallengeError, FieldViolation, InvalidRequest, RetryableError
from shared.rpc.statuses import CODES, INTERNAL_REASON, REASON_PREFIX, status_of
from tests.architecture.imports import ROOT
from tests.rpc.serving import details_of_status

RETRYABLE_CODES = {"RESOURCE_EXHAUSTED", "UNAVAILABLE"}


def concrete_errors() -> Iterator[type[ChallengeError]]:
    """Yield all error classes without subclasses, wherever they are defined."""
    waiting = ChallengeError.__subclasses__()
    while waiting:
        error = waiting.pop()
        subclasses = error.__subclasses__()
        if not subclasses:
            yield error
        waiting += subclasses


# Errors that tests define for themselves do not count.
ERRORS = sorted(
    (error for error in concrete_errors() if not error.__module__.startswith("tests.")),
    key=lambda error: error.__name__,
)


def example(error: type[ChallengeError]) -> ChallengeError:
    """Return an instance of the error class."""
    if issubclass(error, InvalidRequest):
        return error([FieldViolation("field", "is invalid")])
    return error() if issubclass(error, RetryableError) else error("message")


def test_reasons_are_unique() -> None:
    reasons = [error.reason for error in ERRORS]
    assert len(set(reasons)) == len(reasons)


def test_the_enum_and_the_error_classes_agree() -> None:
    names = {name for name in ErrorReason.keys() if name != "ERROR_REASON_UNSPECIFIED"}  # noqa: SIM118 - not a mapping
    assert names == {REASON_PREFIX + reason for reason in (INTERNAL_REASON, *(error.reason for error in ERRORS))}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_error_has_a_reason_an_explanation_and_a_code(error: type[ChallengeError]) -> None:
    assert "reason" in vars(error)
    assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", error.reason)
    assert len(error.reason) <= 63  # https://google.aip.dev/193
    assert error.__doc__
    assert error in CODES
    assert error.__module__ in (errors.__name__, caller_errors.__name__)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_the_contract_gives_every_reason_its_status_code(error: type[ChallengeError]) -> None:
    contract = (ROOT / "protos/challenge/v1/error_reason.proto").read_text("utf-8")
    found = re.search(rf"  // ([A-Z_]+)(, retryable)?: [^;]*\n  {REASON_PREFIX}{error.reason} = ", contract)
    assert found
    assert found[1] == CODES[error].name
    assert bool(found[2]) == issubclass(error, RetryableError)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_exactly_the_retryable_errors_carry_retry_info(error: type[ChallengeError]) -> None:
    details = details_of_status(status_of(example(error), "method"))
    assert details[ErrorInfo].reason == error.reason
    retryable = issubclass(error, RetryableError)
    assert (RetryInfo in details) == retryable
    assert retryable == (CODES[error].name in RETRYABLE_CODES)
    if retryable:
        assert details[RetryInfo].retry_delay.ToNanoseconds() > 0
