"""Refused calls: the parts of an error that a caller can read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo  # type: ignore[import-untyped]

from tests.rpc.serving import details_of

DOMAIN = "challenge.v1"

# Words that must not leak to callers.
_INSIDE = ("Traceback", "psycopg", "SELECT ", "INSERT ", 'File "', "constraint", ".py")


class Refusal(NamedTuple):
    """The parts of an error."""

    code: grpc.StatusCode
    reason: str
    """The reason in `ErrorInfo`."""
    metadata: Mapping[str, str]
    fields: Mapping[str, str]
    """Faulty fields with their descriptions."""
    retry_after_s: float | None
    message: str


def refusal(call: Callable[[], object]) -> Refusal:
    """Return how the call is refused; fail the test if it succeeds or its error breaks the contract."""
    with pytest.raises(grpc.RpcError) as raised:
        call()
    return refusal_of(raised.value)


def refusal_of(error: grpc.RpcError) -> Refusal:
    """Return the parts of the error, which must have a reason and leak no internals."""
    details = details_of(error)
    message = error.details() or ""
    assert error.code() not in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL), message
    assert ErrorInfo in details, f"{error.code()} without a reason: {message}"
    assert details[ErrorInfo].domain == DOMAIN
    assert not any(word in message for word in _INSIDE), message
    violations = details[BadRequest].field_violations if BadRequest in details else ()
    return Refusal(
        code=error.code(),
        reason=details[ErrorInfo].reason,
        metadata=dict(details[ErrorInfo].metadata),
        fields={violation.field: violation.description for violation in violations},
        retry_after_s=details[RetryInfo].retry_delay.ToNanoseconds() / 1e9 if RetryInfo in details else None,
        message=message,
    )
