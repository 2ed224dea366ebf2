"""TLS of a process: on its gRPC port, and on the reward channel."""

from __future__ import annotations

from shared.runtime.file_watch import CHECK_INTERVAL_S, FileWatch
from shared.runtime.reward_settings import RewardSettings
from shared.runtime.service import Process
from shared.runtime.tls_material import TlsMaterial
from shared.runtime.tls_settings import TlsSettings, open_files


def open_port_tls(settings: TlsSettings, process: Process) -> FileWatch[TlsMaterial] | None:
    """Load and follow the certificate of the gRPC port; return None without one. Raise `StartRefused`."""
    if not settings.is_on:
        return None
    files = open_files("TLS_CERTIFICATE", settings.certificate, settings.private_key, settings.client_ca)
    process.telemetry.gauge(
        "tls_certificate_expiry_timestamp_seconds",
        "When the certificate of the gRPC port expires, in seconds since 1970.",
        lambda: _expiry(files),
    )
    process.telemetry.gauge(
        "tls_files_refused", "1 while changed files of TLS are refused.", lambda: float(files.refused is not None)
    )
    process.lifecycle.on_reload(files.reload)
    process.duties.start("follow certificates", CHECK_INTERVAL_S, files.check)
    return files


def open_reward_tls(settings: RewardSettings, process: Process) -> FileWatch[TlsMaterial] | None:
    """Load and follow the files of the reward channel; return None without TLS. Raise `StartRefused`."""
    if not settings.grpc_tls or not settings.grpc_target:
        return None
    files = open_files("REWARD_GRPC_TLS", settings.grpc_certificate, settings.grpc_private_key, settings.grpc_ca)
    if settings.grpc_certificate is not None:
        process.telemetry.gauge(
            "reward_certificate_expiry_timestamp_seconds",
            "When the certificate of the reward channel expires, in seconds since 1970.",
            lambda: _expiry(files),
        )
    process.telemetry.gauge(
        "reward_tls_files_refused",
        "1 while changed files of the reward channel are refused.",
        lambda: float(files.refused is not None),
    )
    process.lifecycle.on_reload(files.reload)
    process.duties.start("follow certificates of rewards", CHECK_INTERVAL_S, files.check)
    return files


def _expiry(files: FileWatch[TlsMaterial]) -> float:
    identity = files.current.identity
    return identity.expires_s if identity is not None else float("nan")
