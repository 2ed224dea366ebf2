"""The translation of domain errors to gRPC statuses; no other module does it.

Each status carries `google.rpc.ErrorInfo` (the reason and its metadata), `BadRequest` for invalid fields and
`RetryInfo` for retryable errors: https://google.aip.dev/193. An exception that is not a `ChallengeError` is a bug: the
caller gets INTERNAL and an opaque id, and the log gets the traceback under that id.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Mapping

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from grpc_status import rpc_status

from shared.domain import caller_errors, errors

log = logging.getLogger(__name__)

DOMAIN = "challenge.v1"

INTERNAL_REASON = "INTERNAL"
"""Reason of errors that are bugs."""

REASON_PREFIX = "ERROR_REASON_"
"""Prefix that the contract's `ErrorReason` adds to each reason."""

CODES: Mapping[type[errors.ChallengeError], grpc.StatusCode] = {
    errors.InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    errors.RequestIdReused: grpc.StatusCode.INVALID_ARGUMENT,
    errors.ChallengeNotFound: grpc.StatusCode.NOT_FOUND,
    errors.GoalNotFound: grpc.StatusCode.NOT_FOUND,
    errors.OccurrenceNotFound: grpc.StatusCode.NOT_FOUND,
    errors.ClaimNotFound: grpc.StatusCode.NOT_FOUND,
    errors.LeaderboardNotFound: grpc.StatusCode.NOT_FOUND,
    errors.LeaderboardPeriodNotFound: grpc.StatusCode.NOT_FOUND,
    errors.GoalInactive: grpc.StatusCode.FAILED_PRECONDITION,
    errors.GoalNotCompleted: grpc.StatusCode.FAILED_PRECONDITION,
    errors.GoalLocked: grpc.StatusCode.FAILED_PRECONDITION,
    errors.AttributeMissing: grpc.StatusCode.FAILED_PRECONDITION,
    errors.AttributeUnknown: grpc.StatusCode.NOT_FOUND,
    errors.SelectedByPool: grpc.StatusCode.FAILED_PRECONDITION,
    errors.NotAPool: grpc.StatusCode.FAILED_PRECONDITION,
    errors.RerollsSpent: grpc.StatusCode.FAILED_PRECONDITION,
    errors.GoalCompleted: grpc.StatusCode.FAILED_PRECONDITION,
    errors.NothingToDraw: grpc.StatusCode.FAILED_PRECONDITION,
    errors.ActivationLimitReached: grpc.StatusCode.FAILED_PRECONDITION,
    errors.OnCooldown: grpc.StatusCode.FAILED_PRECONDITION,
    errors.ActivationLocked: grpc.StatusCode.FAILED_PRECONDITION,
    errors.ClaimEnded: grpc.StatusCode.FAILED_PRECONDITION,
    errors.AlreadyClaimed: grpc.StatusCode.ALREADY_EXISTS,
    caller_errors.CredentialMissing: grpc.StatusCode.UNAUTHENTICATED,
    caller_errors.CredentialInvalid: grpc.StatusCode.UNAUTHENTICATED,
    caller_errors.CredentialExpired: grpc.StatusCode.UNAUTHENTICATED,
    caller_errors.RoleMissing: grpc.StatusCode.PERMISSION_DENIED,
    caller_errors.OtherPlayer: grpc.StatusCode.PERMISSION_DENIED,
    caller_errors.TokenKeysUnavailable: grpc.StatusCode.UNAVAILABLE,
    errors.Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    caller_errors.CallerLimitReached: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.DatabaseUnavailable: grpc.StatusCode.UNAVAILABLE,
    errors.ClocksDiffer: grpc.StatusCode.UNAVAILABLE,
    errors.CatalogueUnavailable: grpc.StatusCode.UNAVAILABLE,
    errors.RankingUnavailable: grpc.StatusCode.UNAVAILABLE,
    errors.ShuttingDown: grpc.StatusCode.UNAVAILABLE,
    errors.RequestTimedOut: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
}

# A status travels in HTTP/2 trailers, which gRPC clients may refuse from 8 KiB on. The message travels twice, once in
# percent-encoding (three bytes for one) and once in the details, which travel in base64 (four bytes for three). With
# these bounds a status has at most 7 KiB.
MESSAGE_BYTES_MAX = 512
METADATA_BYTES_MAX = 512
METADATA_MAX = 4
VIOLATIONS_MAX = 8
VIOLATION_BYTES_MAX = 192


def status_of(error: Exception, method: str) -> grpc.Status:
    """Return the status with which `error` ends a call of `method`."""
    code = CODES.get(type(error)) if isinstance(error, errors.ChallengeError) else None
    if code is None or not isinstance(error, errors.ChallengeError):
        return _internal(error, method)
    details: list[Message] = [_error_info(error.reason, error.metadata)]
    if isinstance(error, errors.InvalidRequest):
        details.append(_bad_request(error.violations[:VIOLATIONS_MAX]))
    if isinstance(error, errors.RetryableError):
        details.append(RetryInfo(retry_delay=_duration(error.retry_after_s)))
    return _status(code, error.message, details)


def _internal(error: Exception, method: str) -> grpc.Status:
    error_id = secrets.token_hex(8)
    log.error("unhandled exception in RPC", extra={"error_id": error_id, "method": method}, exc_info=error)
    message = f"internal error {error_id}"
    return _status(grpc.StatusCode.INTERNAL, message, [_error_info(INTERNAL_REASON, {"error_id": error_id})])


def _status(code: grpc.StatusCode, message: str, details: Iterable[Message]) -> grpc.Status:
    packed = []
    for detail in details:
        packed.append(Any())
        packed[-1].Pack(detail)
    number: int = code.value[0]
    return rpc_status.to_status(Status(code=number, message=_cut(message, MESSAGE_BYTES_MAX), details=packed))


def _error_info(reason: str, metadata: Mapping[str, str]) -> ErrorInfo:
    bounded = {name: _cut(value, METADATA_BYTES_MAX) for name, value in list(metadata.items())[:METADATA_MAX]}
    return ErrorInfo(reason=reason, domain=DOMAIN, metadata=bounded)


def _bad_request(violations: Iterable[errors.FieldViolation]) -> BadRequest:
    return BadRequest(
        field_violations=[
            BadRequest.FieldViolation(
                field=_cut(violation.field, VIOLATION_BYTES_MAX),
                description=_cut(violation.description, VIOLATION_BYTES_MAX),
            )
            for violation in violations
        ]
    )


def _duration(seconds: float) -> Duration:
    return Duration(seconds=int(seconds), nanos=int(seconds % 1 * 1e9))


def _cut(text: str, bytes_max: int) -> str:
    """Return the text as valid UTF-8 of at most `bytes_max` bytes, cut between characters."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= bytes_max:
        return encoded.decode()
    return encoded[: bytes_max - 3].decode("utf-8", "ignore") + "…"
