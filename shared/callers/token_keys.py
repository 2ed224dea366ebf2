"""The keys of an issuer of tokens: a JSON Web Key Set from a file or a URL, fetched by a duty and never in a call."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import urllib3
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from shared.runtime.bounded_http import bounded_pool, time_limit
from shared.runtime.file_watch import FileRefused, read_small

log = logging.getLogger(__name__)

ALGORITHMS = ("ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")
"""The algorithms that an issuer may be allowed: signatures whose keys can be published, and no others."""

KEYS_MAX = 100
RSA_BITS_MIN = 2_048
FETCH_INTERVAL_S = 300.0
"""Interval in seconds between two fetches of a URL."""
FETCH_AGAIN_S = 10.0
"""Interval in seconds after a fetch that has failed, or if a token named a key that is not known: however many such
tokens there are, the issuer gets no more requests than that."""
FETCH_TIMEOUT_S = 5.0
REFRESH_INTERVAL_S = 1.0
"""Interval in seconds at which files are read, and URLs fetched that are due."""

_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_RSA = frozenset({"PS256", "PS384", "PS512", "RS256", "RS384", "RS512"})

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


@dataclass(frozen=True)
class TokenKey:
    """A key and the algorithms that it can be used with."""

    key: PublicKey
    algorithms: frozenset[str]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TokenKey) and (self._der(), self.algorithms) == (other._der(), other.algorithms)

    def __hash__(self) -> int:
        return hash(self._der())

    def _der(self) -> bytes:
        return self.key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


KeySet = Mapping[str, TokenKey]
"""Keys by their `kid`. A key without one has the empty text."""


def read_key_set(raw: bytes) -> KeySet:
    """Return the keys that tokens can be signed with. Raise `FileRefused` if there is none, or the set is malformed."""
    try:
        found = json.loads(raw)["keys"]
        if not isinstance(found, list) or len(found) > KEYS_MAX:
            raise FileRefused(f"it has no list of at most {KEYS_MAX} keys")
        keys = {str(each.get("kid", "")): key for each in found if (key := _usable(each)) is not None}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise FileRefused("it is not a JSON Web Key Set") from None
    if not keys:
        raise FileRefused("it has no key that tokens can be signed with")
    return keys


def _usable(described: Mapping[str, Any]) -> TokenKey | None:
    """Return a key; None if it is secret, too short, not for signatures, or of a kind that is not known."""
    if described.get("use", "sig") != "sig" or described.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    try:
        key = jwt.PyJWK.from_dict(dict(described)).key
    except jwt.exceptions.PyJWTError:
        return None
    # A private key matches none of these: once published it is not secret, so it is not used.
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_BITS_MIN:
        algorithms = _RSA
    elif isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        algorithms = frozenset({_CURVES[key.curve.name]})
    elif isinstance(key, ed25519.Ed25519PublicKey):
        algorithms = frozenset({"EdDSA"})
    else:
        return None
    if "alg" in described:
        algorithms &= {described["alg"]}
    return TokenKey(key, algorithms)


class FollowedKeys:
    """The keys at one place. `refresh` is called by a duty; all other methods are thread-safe."""

    def __init__(self, place: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.place = place
        self.keys: KeySet | None = None
        """The last good keys; None until some were read."""
        self.refused: str | None = None
        """Why what was read last is not in use."""
        self._clock = clock
        self._is_url = "://" in place
        self._pool = bounded_pool(1) if self._is_url else None
        self._due = clock()
        self._read_at = clock() - FETCH_AGAIN_S

    def want(self) -> None:
        """Note that a token named a key that is not known: the issuer may have a new one."""
        self._due = min(self._due, self._read_at + FETCH_AGAIN_S)

    def refresh(self) -> bool:
        """Read the keys if that is due, and return whether they have changed."""
        now = self._clock()
        if self._is_url and now < self._due:
            return False
        self._read_at, self._due = now, now + FETCH_INTERVAL_S
        try:
            keys = read_key_set(self._fetched() if self._is_url else read_small(Path(self.place)))
        except FileRefused as refusal:
            self._due = now + FETCH_AGAIN_S
            if self.refused != str(refusal):
                log.error("keys of tokens refused", extra={"place": self.place, "reason": str(refusal)})
            self.refused = str(refusal)
            return False
        self.refused = None
        if keys == self.keys:
            return False
        self.keys = keys
        log.info("keys of tokens in use", extra={"place": self.place, "keys": len(keys)})
        return True

    def _fetched(self) -> bytes:
        assert self._pool is not None  # noqa: S101
        try:
            with time_limit(FETCH_TIMEOUT_S):
                response = self._pool.request("GET", self.place, redirect=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise FileRefused(f"it cannot be fetched: {type(error).__name__}") from None
        if response.status != 200:
            raise FileRefused(f"fetching it returned the HTTP status {response.status}")
        return response.data
