"""The errors that a call can end in because of who calls."""

from __future__ import annotations

from shared.domain.errors import ChallengeError, RetryableError


class CredentialMissing(ChallengeError):
    """The call carries no credential, and the service asks for one."""

    reason = "CREDENTIAL_MISSING"


class CredentialInvalid(ChallengeError):
    """The credential of the call is not one that the service accepts."""

    reason = "CREDENTIAL_INVALID"


class CredentialExpired(ChallengeError):
    """The token of the call was valid and has expired."""

    reason = "CREDENTIAL_EXPIRED"


class RoleMissing(ChallengeError):
    """The caller does not have the role that the method needs."""

    reason = "ROLE_MISSING"


class OtherPlayer(ChallengeError):
    """The caller speaks for one player, and the call names another."""

    reason = "OTHER_PLAYER"


class TokenKeysUnavailable(RetryableError):
    """The token cannot be judged: no keys of its issuer were fetched yet."""

    reason = "TOKEN_KEYS_UNAVAILABLE"
    default_message = "the keys of the token's issuer are not known yet"
    default_retry_after_s = 1.0


class CallerLimitReached(RetryableError):
    """The caller does more in a second than operators allow it; others are not affected. Nothing was done."""

    reason = "CALLER_LIMIT_REACHED"
    default_message = "a limit of the caller is reached"
    default_retry_after_s = 1.0

    def __init__(self, limit: str | None = None, retry_after_s: float | None = None) -> None:
        """`limit` is the name of the limit, such as `calls_per_s`."""
        super().__init__(limit and f"the limit {limit} of the caller is reached", retry_after_s=retry_after_s)
        if limit is not None:
            self.metadata = {"limit": limit}
