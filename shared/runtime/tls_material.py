"""Certificates and keys of a connection."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TlsIdentity:
    """A certificate with its intermediates, and its private key, both in PEM."""

    certificate: bytes
    private_key: bytes
    expires_s: float
    """When the certificate, or one of its intermediates, expires, in seconds since 1970."""


@dataclass(frozen=True)
class TlsMaterial:
    """The identity of one side of a connection, and the authorities that it accepts."""

    identity: TlsIdentity | None
    authorities: bytes | None
    """Certificates of the accepted authorities in PEM; None: those that the library trusts."""
