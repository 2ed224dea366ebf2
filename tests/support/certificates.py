"""Certificates of an authority of the test's own, in files."""

from __future__ import annotations

import itertools
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import grpc
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Files(NamedTuple):
    """A certificate and its key in files."""

    certificate: Path
    private_key: Path

    def write(self, issued: trustme.LeafCert) -> None:
        """Write another certificate and its key into the files."""
        self.private_key.write_bytes(issued.private_key_pem.bytes())
        self.certificate.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))


class Authority:
    """An authority and the certificates that it issues."""

    def __init__(self, folder: Path) -> None:
        """Keep the files in a new folder in `folder`."""
        self._folder = Path(tempfile.mkdtemp(dir=folder))
        self._numbers = itertools.count()
        self.ca = trustme.CA()
        self.certificate = self._folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(self.certificate))

    @property
    def pem(self) -> bytes:
        return self.ca.cert_pem.bytes()

    def issue(self, *names: str, expires_in: timedelta = timedelta(days=1)) -> trustme.LeafCert:
        """Return a new certificate for DNS names, addresses or URIs; by default for the loopback address."""
        return self.ca.issue_cert(*(names or ("localhost", "127.0.0.1")), not_after=datetime.now(UTC) + expires_in)

    def files(self, *names: str, expires_in: timedelta = timedelta(days=1)) -> Files:
        """Return the files of a new certificate."""
        number = next(self._numbers)
        files = Files(self._folder / f"certificate-{number}.pem", self._folder / f"key-{number}.pem")
        files.write(self.issue(*names, expires_in=expires_in))
        return files

    def files_of_uri(self, uri: str) -> Files:
        """Return the files of a certificate for a URI alone, such as a SPIFFE id, which trustme does not issue."""
        key = ec.generate_private_key(ec.SECP256R1())
        own = x509.load_pem_x509_certificate(self.pem)
        own_key = serialization.load_pem_private_key(self.ca.private_key_pem.bytes(), None)
        assert isinstance(own_key, ec.EllipticCurvePrivateKey)
        now = datetime.now(UTC)
        issued = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(own.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=True)
            .sign(own_key, hashes.SHA256())
        )
        number = next(self._numbers)
        files = Files(self._folder / f"certificate-{number}.pem", self._folder / f"key-{number}.pem")
        files.certificate.write_bytes(issued.public_bytes(serialization.Encoding.PEM))
        plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        files.private_key.write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))
        return files

    def channel_credentials(self, shown: Files | None = None) -> grpc.ChannelCredentials:
        """Return what a client needs that trusts this authority and, if it has a certificate, shows it."""
        if shown is None:
            return grpc.ssl_channel_credentials(self.pem)
        return grpc.ssl_channel_credentials(self.pem, shown.private_key.read_bytes(), shown.certificate.read_bytes())
