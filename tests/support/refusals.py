"""How calls are refused: what a caller can read from an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo  # type: ignore[import-untyped]

from tests.rpc.serving import details_of

DOMAIN = "challenge.v1"

# Words that only the inside of the system knows.
_INSIDE = ("Traceback", "psycopg", "SELECT ", "INSERT ", 'File "', "constraint", ".py")


class Refusal(NamedTuple):
    """An error, taken apart."""

    code: grpc.StatusCode
    reason: str
    """Of the `ErrorInfo`."""
    metadata: Mapping[str, str]
    fields: Mapping[str, str]
    """Which fields are at fault, and why."""
    retry_after_s: float | None
    message: str


def refusal(call: Callable[[], object]) -> Refusal:
    """How the call is refused; the test fails if it is not, or in a way that no call may be."""
    with pytest.raises(grpc.RpcError) as raised:
        call()
    return refusal_of(raised.value)


def refusal_of(error: grpc.RpcError) -> Refusal:
    """The error, which must be one that the contract knows: with a reason, and no word from the inside."""
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
