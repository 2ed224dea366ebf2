"""Verification of JSON Web Tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jwt

from shared.callers.callers_file import IssuerEntry
from shared.callers.token_keys import FollowedKeys, TokenKey
from shared.domain.acceptance import id_problem
from shared.domain.access import Caller, Role
from shared.domain.caller_errors import CredentialExpired, CredentialInvalid, TokenKeysUnavailable
from shared.domain.errors import ChallengeError

_MALFORMED = CredentialInvalid("the credential is neither a key nor a token")


class TokenJudge:
    """The issuers and their keys."""

    def __init__(self, issuers: Sequence[IssuerEntry], followed: Mapping[str, FollowedKeys]) -> None:
        self._issuers = issuers
        self._followed = followed

    def judge(self, token: str, now: float) -> Caller | ChallengeError:
        """Return the caller of a token, or the error with which its call ends. Nothing is fetched."""
        try:
            header = jwt.get_unverified_header(token)
            claimed = jwt.decode(token, options={"verify_signature": False})
        except (jwt.exceptions.PyJWTError, ValueError, RecursionError):
            return _MALFORMED
        refusal: ChallengeError = CredentialInvalid("the token's issuer is not accepted")
        for entry in self._issuers:
            if claimed.get("iss") == entry.issuer:
                judged = self._judged_by(entry, token, header, now)
                if isinstance(judged, Caller):
                    return judged
                refusal = judged
        return refusal

    def _judged_by(
        self, entry: IssuerEntry, token: str, header: Mapping[str, Any], now: float
    ) -> Caller | ChallengeError:
        followed = self._followed[entry.jwks]
        if followed.keys is None:
            return TokenKeysUnavailable()
        key = _key_of(followed.keys, header.get("kid"))
        if key is None:
            followed.want()
            return CredentialInvalid("the token's key is not known")
        # The key decides what it can be used with, never the token.
        algorithms = [name for name in entry.algorithms if name in key.algorithms]
        try:
            claims = jwt.decode(
                token,
                key.key,
                algorithms=algorithms,
                audience=entry.audience,
                issuer=entry.issuer,
                leeway=entry.leeway_s,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.exceptions.ExpiredSignatureError:
            return CredentialExpired("the token has expired")
        except jwt.exceptions.ImmatureSignatureError:
            return CredentialInvalid("the token is not valid yet")
        except jwt.exceptions.InvalidSignatureError:
            if "kid" not in header:
                # The issuer's only key may have been replaced: the token does not name the one that signed it.
                followed.want()
            return CredentialInvalid("the token is not valid")
        except (jwt.exceptions.PyJWTError, ValueError, TypeError, ArithmeticError, RecursionError):
            return CredentialInvalid("the token is not valid")
        expires_s = float(claims["exp"]) + entry.leeway_s
        return _caller(entry, claims, expires_s) if now < expires_s else CredentialExpired("the token has expired")


def _key_of(keys: Mapping[str, TokenKey], kid: object) -> TokenKey | None:
    """Return the key that a token names; without a name the only key there is."""
    if isinstance(kid, str):
        return keys.get(kid)
    return next(iter(keys.values())) if kid is None and len(keys) == 1 else None


def _caller(entry: IssuerEntry, claims: Mapping[str, Any], expires_s: float) -> Caller | ChallengeError:
    if entry.is_of_players:
        player = claims.get(entry.player_claim)
        if not isinstance(player, str) or id_problem(player) is not None:
            return CredentialInvalid("the token names no player")
        return Caller(entry.issuer, entry.roles, player, expires_s, entry.limits)
    subject = claims["sub"]
    if not isinstance(subject, str):
        return CredentialInvalid("the token has no subject")
    roles = entry.roles
    if entry.roles_claim is not None:
        roles &= _named_roles(claims.get(entry.roles_claim))
    return Caller(f"{entry.issuer} {subject}"[:256], roles, None, expires_s, entry.limits)


def _named_roles(named: object) -> frozenset[Role]:
    """Return the roles in a claim: a list, or a text with spaces as in OAuth's `scope`. Other words are ignored."""
    words = named.split() if isinstance(named, str) else named if isinstance(named, list) else []
    known = {str(role): role for role in Role}
    return frozenset(known[word] for word in words if isinstance(word, str) and word in known)
