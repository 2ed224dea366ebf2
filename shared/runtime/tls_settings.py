"""Settings of TLS on the gRPC port and on the reward channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shared.runtime.address_checks import has_several_addresses
from shared.runtime.file_watch import FileWatch
from shared.runtime.reward_settings import RewardSettings
from shared.runtime.settings import setting, variable_name
from shared.runtime.start_refused import SettingsInvalid
from shared.runtime.tls_material import TlsMaterial


@dataclass(frozen=True, kw_only=True)
class TlsSettings:
    """TLS on the gRPC port. The files are followed while the process runs."""

    certificate: Path | None = setting(
        "TLS_CERTIFICATE",
        help="PEM file with the certificate of the gRPC port and its intermediates. Not set: no TLS.",
    )
    private_key: Path | None = setting(
        "TLS_PRIVATE_KEY",
        help="PEM file with the private key of `TLS_CERTIFICATE`, RSA or ECDSA, without a passphrase.",
    )
    client_ca: Path | None = setting(
        "TLS_CLIENT_CA",
        help="PEM file with authorities. Set: every caller must show a certificate by one of them (mutual TLS).",
    )
    allow_plaintext: bool = setting(
        "ALLOW_PLAINTEXT",
        default=False,
        help="Let the gRPC port be open beyond the loopback interface without TLS.",
    )

    @property
    def is_on(self) -> bool:
        """True if the gRPC port speaks TLS."""
        return self.certificate is not None


def open_files(
    name: str, certificate: Path | None, private_key: Path | None, authorities: Path | None
) -> FileWatch[TlsMaterial]:
    """Load the files of one side of a connection. Raise `StartRefused` with the reason if they cannot be used."""
    # Cryptography takes 10 MiB: it is loaded where it is used.
    from shared.runtime.pem_files import material_from

    paths = [path for path in (certificate, private_key, authorities) if path is not None]
    load = partial(material_from, has_identity=certificate is not None, has_authorities=authorities is not None)
    return FileWatch(name, paths, load)


def require_complete(settings: object) -> None:
    """Raise `SettingsInvalid` with all settings of TLS that have no use without others that are not set."""
    problems: list[str] = []
    tls, rewards = getattr(settings, "tls", None), getattr(settings, "rewards", None)
    if isinstance(tls, TlsSettings):
        problems += _lacking(settings, tls, "tls.private_key", "tls.certificate")
        problems += _lacking(settings, tls, "tls.certificate", "tls.private_key")
        problems += _lacking(settings, tls, "tls.client_ca", "tls.certificate")
    if isinstance(rewards, RewardSettings):
        problems += _lacking(settings, rewards, "rewards.grpc_private_key", "rewards.grpc_certificate")
        problems += _lacking(settings, rewards, "rewards.grpc_certificate", "rewards.grpc_private_key")
        problems += _lacking(settings, rewards, "rewards.grpc_ca", "rewards.grpc_tls")
        problems += _lacking(settings, rewards, "rewards.grpc_certificate", "rewards.grpc_tls")
        if rewards.grpc_tls and has_several_addresses(rewards.grpc_target or ""):
            problems.append(
                "REWARD_GRPC_TARGET lists addresses, and a certificate is for one host: REWARD_GRPC_TLS needs a name"
            )
    if problems:
        raise SettingsInvalid(problems)


def _lacking(settings: object, group: object, path: str, needed: str) -> Iterator[str]:
    """Yield a sentence if a setting is set and another one that it needs is not."""
    if getattr(group, path.partition(".")[2]) and not getattr(group, needed.partition(".")[2]):
        name, missing = (variable_name(type(settings), each) for each in (path, needed))
        yield f"{name} is set, so {missing} must be, too"
