"""A certificate and an issuer of tokens for measurements, made on the spot."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from devstack.ports import LOOPBACK

_ISSUER, _AUDIENCE = "https://bench.example", "bench"
_PEM = serialization.Encoding.PEM


def write_certificate(folder: Path) -> tuple[dict[str, str], ssl.SSLContext]:
    """Write a certificate for the loopback address; return the settings of a service with it, and a client's trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bench")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(LOOPBACK))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "certificate.pem", folder / "key.pem"
    public.write_bytes(certificate.public_bytes(_PEM))
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private.write_bytes(key.private_bytes(_PEM, *plain))
    trusting = ssl.create_default_context(cadata=public.read_text())
    trusting.set_alpn_protocols(["h2"])
    return {"TLS_CERTIFICATE": str(public), "TLS_PRIVATE_KEY": str(private)}, trusting


def write_callers(folder: Path, keys: Iterable[str], players: Iterable[str]) -> tuple[Path, list[str]]:
    """Write a file of callers with these keys and an issuer; return it with a token for each player."""
    signing = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    jwks = folder / "jwks.json"
    described = jwt.algorithms.RSAAlgorithm.to_jwk(signing.public_key(), as_dict=True)
    jwks.write_text(json.dumps({"keys": [{**described, "kid": "bench"}]}))
    file = folder / "callers.toml"
    roles = json.dumps(["players:read", "players:write", "events:write"])
    entries = [
        f'[[keys]]\nname = "bench"\nsha256 = "{sha256(key.encode()).hexdigest()}"\nroles = {roles}\n' for key in keys
    ]
    issuer = {"issuer": _ISSUER, "audience": _AUDIENCE, "jwks": str(jwks), "speak_for": "player"}
    entries.append("[[issuers]]\nalgorithms = ['RS256']\n")
    entries += [f"{name} = {json.dumps(value)}\n" for name, value in issuer.items()]
    file.write_text("".join(entries))
    claims = {"iss": _ISSUER, "aud": _AUDIENCE, "exp": time.time() + 86_400}
    return file, [jwt.encode({**claims, "sub": each}, signing, "RS256", headers={"kid": "bench"}) for each in players]
