"""TLS on the channel to the event handler."""

from __future__ import annotations

from event_source.settings import HandlerSettings
from shared.runtime.file_watch import CHECK_INTERVAL_S, FileWatch
from shared.runtime.service import Process
from shared.runtime.tls_material import TlsMaterial
from shared.runtime.tls_settings import open_files


def open_handler_tls(settings: HandlerSettings, process: Process) -> FileWatch[TlsMaterial] | None:
    """Load and follow the files of the channel; return None without TLS. Raise `StartRefused`."""
    if not settings.tls:
        return None
    files = open_files("SOURCE_TLS", settings.certificate, settings.private_key, settings.ca)
    if settings.certificate is not None:
        process.telemetry.gauge(
            "source_certificate_expiry_timestamp_seconds",
            "When the certificate of the channel to the event handler expires, in seconds since 1970.",
            lambda: float("nan") if files.current.identity is None else files.current.identity.expires_s,
        )
    process.telemetry.gauge(
        "source_tls_files_refused",
        "1 while changed files of the channel to the event handler are refused.",
        lambda: float(files.refused is not None),
    )
    process.lifecycle.on_reload(files.reload)
    process.duties.start("follow certificates of the source", CHECK_INTERVAL_S, files.check)
    return files
