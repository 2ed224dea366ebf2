"""Certificates and keys from PEM files, checked before they are used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.runtime.file_watch import FileRefused
from shared.runtime.tls_material import TlsIdentity, TlsMaterial


def now_s() -> float:
    """Return the seconds since 1970."""
    return datetime.now(UTC).timestamp()


def material_from(
    contents: Sequence[bytes], *, has_identity: bool, has_authorities: bool, now: Callable[[], float] = now_s
) -> TlsMaterial:
    """Return the material in the contents of files: certificate and key, then authorities, each if there is one.

    Raise `FileRefused` if the two do not belong together, or something is malformed, expired or not valid yet.
    """
    rest = list(contents)
    identity = _identity(rest.pop(0), rest.pop(0), now()) if has_identity else None
    authorities = rest.pop(0) if has_authorities else None
    if authorities is not None:
        _certificates(authorities, "the authorities")
    return TlsMaterial(identity, authorities)


def _identity(certificate: bytes, private_key: bytes, now: float) -> TlsIdentity:
    chain = _certificates(certificate, "the certificate")
    try:
        key = serialization.load_pem_private_key(private_key, None)
    except TypeError:
        raise FileRefused("the private key is encrypted; only keys without a passphrase can be used") from None
    except Exception:  # the library raises many kinds, and their messages may quote the key
        raise FileRefused("the private key is not a key in PEM") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise FileRefused("the private key is of a kind that gRPC does not use: RSA and ECDSA can be used")
    certified = chain[0].public_key()
    if not isinstance(certified, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) or _der(certified) != _der(
        key.public_key()
    ):
        raise FileRefused("the private key does not belong to the certificate")
    for link in chain:
        if link.not_valid_after_utc.timestamp() <= now:
            raise FileRefused(f"a certificate expired at {link.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}")
        if link.not_valid_before_utc.timestamp() > now:
            raise FileRefused(f"a certificate is valid only from {link.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}")
    return TlsIdentity(certificate, private_key, min(link.not_valid_after_utc.timestamp() for link in chain))


def _der(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _certificates(text: bytes, what: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(text)
    except ValueError:
        raise FileRefused(f"{what} cannot be read as PEM") from None
