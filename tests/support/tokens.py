"""An issuer of tokens, and files of callers."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ISSUER = "https://accounts.game"
AUDIENCE = "challenge"
_RSA = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
"""Making an RSA key takes a tenth of a second: all issuers of the tests share this one."""

SigningKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Issuer:
    """An issuer whose key set is a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.keys: dict[str, SigningKey] = {}
        self.add("rsa-1", _RSA)

    def add(self, kid: str, key: SigningKey | None = None) -> None:
        """Publish one more key."""
        self.keys[kid] = key or ec.generate_private_key(ec.SECP256R1())
        self.publish()

    def remove(self, kid: str) -> None:
        """Publish a key no longer."""
        del self.keys[kid]
        self.publish()

    def publish(self) -> None:
        """Write the key set."""
        self.path.write_text(json.dumps(self.key_set()))

    def key_set(self) -> dict[str, Any]:
        """Return the key set."""
        return {"keys": [{**_described(key), "kid": kid, "use": "sig"} for kid, key in self.keys.items()]}

    def token(
        self,
        subject: object = "zoe",
        *,
        kid: str = "rsa-1",
        algorithm: str | None = None,
        headers: Mapping[str, object] = {},
        expires_in: float = 600,
        **claims: object,
    ) -> str:
        """Return a signed token; a claim that is None is left out."""
        key = self.keys[kid]
        algorithm = algorithm or ("RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256")
        payload = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "exp": time.time() + expires_in, **claims}
        payload = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(payload, key, algorithm, headers={"kid": kid, **headers})


def _described(key: SigningKey) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        return jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)


def key_entry(name: str, key: str, *roles: str) -> str:
    """Return the entry of a preshared key."""
    return f'[[keys]]\nname = "{name}"\nsha256 = "{sha256(key.encode()).hexdigest()}"\nroles = {json.dumps(roles)}\n'


def issuer_entry(jwks: object, *, speak_for: str = "player", **more: object) -> str:
    """Return the entry of an issuer."""
    values = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "algorithms": ["RS256", "ES256"],
        "jwks": str(jwks),
        "speak_for": speak_for,
        **more,
    }
    return "[[issuers]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())


def certificate_entry(name: str, identity: str, *roles: str) -> str:
    """Return the entry of a certificate."""
    return f'[[certificates]]\nname = "{name}"\nidentity = "{identity}"\nroles = {json.dumps(roles)}\n'
