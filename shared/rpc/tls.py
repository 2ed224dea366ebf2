"""TLS on the gRPC port, with certificates that change while connections are open."""

from __future__ import annotations

import grpc

from shared.runtime.file_watch import FileWatch
from shared.runtime.tls_material import TlsMaterial


def server_credentials(files: FileWatch[TlsMaterial]) -> grpc.ServerCredentials:
    """Return credentials that show each new connection the current certificate. Open connections keep theirs.

    With authorities, a caller without a certificate by one of them gets no connection.
    """
    delivered = files.current

    def changed() -> grpc.ServerCertificateConfiguration | None:
        """Return the certificate if it is another one than last time. gRPC asks before each handshake."""
        nonlocal delivered
        current = files.current
        if current is delivered:
            # A new configuration costs a millisecond: gRPC parses it.
            return None
        delivered = current
        return _configuration(current)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(delivered),
        changed,  # type: ignore[arg-type]  # None is documented, and says that nothing has changed
        require_client_authentication=delivered.authorities is not None,
    )


def _configuration(material: TlsMaterial) -> grpc.ServerCertificateConfiguration:
    if material.identity is None:
        raise ValueError("a server needs a certificate")
    pair = (material.identity.private_key, material.identity.certificate)
    return grpc.ssl_server_certificate_configuration([pair], root_certificates=material.authorities)
