"""The callers of a service, judged by the credentials of their calls.

Tokens that were verified are remembered by a keyed hash until they expire. So are some that were refused. A change of
the file or of an issuer's keys forgets them all.
"""

from __future__ import annotations

import hmac
import math
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b, sha256
from typing import TypeVar

from shared.callers.callers_file import CallersDocument
from shared.callers.token_keys import FollowedKeys
from shared.callers.tokens import TokenJudge
from shared.domain.access import Caller, Credentials
from shared.domain.caller_errors import CredentialExpired, CredentialInvalid, CredentialMissing
from shared.domain.errors import ChallengeError, Overloaded

KEY_PREFIX = "chk_"
"""Begins every preshared key, and no token."""

VERIFIED_MAX = 50_000
"""Maximum number of credentials that are remembered as valid, about 20 MB."""
REFUSED_MAX = 1_000
"""The same for those that were refused: whoever sends many different ones displaces no valid one."""
REFUSED_S = 10.0
"""Time in seconds for which a refusal is remembered: a token may become valid."""
CREDENTIAL_CHARACTERS_MAX = 8 * 1024
FAILURES_MAX = 200
"""Number of failed verifications of one connection in `FAILURES_S`, beyond which no further one is begun. At 0.2 ms
each that is 4 % of a core. With a lower one, expired tokens of some players would harm others behind the same gateway.
"""
FAILURES_S = 1.0
PEERS_MAX = 10_000
"""Maximum number of connections with failures that are remembered."""

_MISSING = CredentialMissing("the call carries no credential: send the header authorization with a key or a token")
_MALFORMED = CredentialInvalid("the header authorization is not one Bearer credential")
_UNKNOWN = CredentialInvalid("the credential is not accepted")
_NO_CERTIFICATE = CredentialInvalid("the certificate is not that of a caller")
_TOO_MANY = Overloaded("too many credentials on this connection were refused", retry_after_s=FAILURES_S)

Judged = Caller | ChallengeError
K = TypeVar("K")
V = TypeVar("V")


@dataclass
class _State:
    """Everything that a change replaces."""

    document: CallersDocument
    tokens: TokenJudge
    certificates: Mapping[str, Caller]
    verified: dict[bytes, Caller] = field(default_factory=dict)
    refused: dict[bytes, tuple[ChallengeError, float]] = field(default_factory=dict)
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))


class LiveCallers:
    """The callers in use. All methods are thread-safe."""

    def __init__(self, document: CallersDocument, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._followed: dict[str, FollowedKeys] = {}
        self._failures: dict[str, tuple[int, float]] = {}
        self.generation = 0
        self.take(document)

    def take(self, document: CallersDocument) -> None:
        """Use another version of the file from now on."""
        with self._lock:
            places = {issuer.jwks for issuer in document.issuers}
            self._followed = {place: self._followed.get(place) or FollowedKeys(place) for place in sorted(places)}
            self._state = self._state_of(document)
            self.generation += 1

    def refresh_keys(self) -> None:
        """Read the keys of issuers, where that is due. The pass of a duty; only it waits for other servers."""
        changed = False
        for followed in list(self._followed.values()):
            changed |= followed.refresh()
        if changed:
            with self._lock:
                self._state = self._state_of(self._state.document)
                self.generation += 1

    @property
    def refused_key_sets(self) -> int:
        """The number of issuers' key sets that could not be read the last time."""
        return sum(followed.refused is not None for followed in self._followed.values())

    @property
    def remembered(self) -> int:
        """The number of credentials that are remembered as valid."""
        return len(self._state.verified)

    def judge(self, credentials: Credentials) -> Judged:
        """Return the caller, or the error with which its call ends."""
        state = self._state
        if not credentials.authorizations:
            for name in credentials.certificate_names:
                if (caller := state.certificates.get(name)) is not None:
                    return caller
            return _NO_CERTIFICATE if credentials.certificate_names else _MISSING
        header = credentials.authorizations[0]
        if len(credentials.authorizations) > 1 or len(header) > CREDENTIAL_CHARACTERS_MAX or not header.isascii():
            return _MALFORMED
        digest = blake2b(header.encode(), key=state.secret, digest_size=16).digest()
        known = state.verified.get(digest)
        now = self._clock()
        if known is not None:
            if now < known.expires_s:
                return known
            state.verified.pop(digest, None)
            return CredentialExpired("the token has expired")
        with self._lock:
            return self._verified(state, header, digest, credentials.peer, now)

    def _verified(self, state: _State, header: str, digest: bytes, peer: str, now: float) -> Judged:
        """Verify a credential that is not remembered as valid."""
        if (refusal := state.refused.get(digest)) is not None and now < refusal[1]:
            return refusal[0]
        count, since = self._failures.get(peer, (0, now))
        if now - since >= FAILURES_S:
            count, since = 0, now
        if count >= FAILURES_MAX:
            return _TOO_MANY
        judged = self._judged(state, header, now)
        if isinstance(judged, Caller):
            _remember(state.verified, VERIFIED_MAX, digest, judged)
        elif isinstance(judged, CredentialInvalid | CredentialExpired):
            _remember(self._failures, PEERS_MAX, peer, (count + 1, since))
            _remember(state.refused, REFUSED_MAX, digest, (judged, now + REFUSED_S))
        return judged

    def _judged(self, state: _State, header: str, now: float) -> Judged:
        scheme, _, credential = header.partition(" ")
        if scheme.lower() != "bearer" or not credential or " " in credential:
            return _MALFORMED
        if credential.startswith(KEY_PREFIX):
            return _caller_of_key(state.document, credential)
        return state.tokens.judge(credential, now)

    def _state_of(self, document: CallersDocument) -> _State:
        certificates = {
            each.identity: Caller(each.name, each.roles, limits=each.limits) for each in document.certificates
        }
        return _State(document, TokenJudge(document.issuers, dict(self._followed)), certificates)


def _caller_of_key(document: CallersDocument, credential: str) -> Judged:
    """Compare a key with all hashes, in a time that does not depend on it."""
    digest = sha256(credential.encode()).digest()
    found: Judged = _UNKNOWN
    for key in document.keys:
        if hmac.compare_digest(key.sha256, digest):
            found = Caller(key.name, key.roles, expires_s=math.inf, limits=key.limits)
    return found


def _remember(known: dict[K, V], maximum: int, key: K, value: V) -> None:
    """Keep a value, and forget the oldest if there are too many."""
    if len(known) >= maximum and key not in known:
        del known[next(iter(known))]
    known[key] = value
