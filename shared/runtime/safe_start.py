"""The refusal to serve strangers by accident: what listens beyond the loopback interface must be protected."""

from __future__ import annotations

from collections.abc import Iterator

from shared.runtime.caller_settings import CallerSettings
from shared.runtime.development_clock import is_loopback
from shared.runtime.settings import variable_name
from shared.runtime.settings_groups import ProcessSettings
from shared.runtime.start_refused import SettingsInvalid
from shared.runtime.tls_settings import TlsSettings


def require_protection(settings: object) -> None:
    """Raise `SettingsInvalid` if the gRPC port would be open beyond the loopback interface, and nothing allows that."""
    process = getattr(settings, "process", None)
    if isinstance(process, ProcessSettings) and not is_loopback(process.bind_address):
        problems = list(_problems(settings, process.bind_address))
        if problems:
            raise SettingsInvalid(problems)


def _problems(settings: object, address: str) -> Iterator[str]:
    tls, callers = getattr(settings, "tls", None), getattr(settings, "callers", None)
    names = type(settings)
    where = f"is not set, and {variable_name(names, 'process.bind_address')} is {address!r}"
    if isinstance(tls, TlsSettings) and not tls.is_on and not tls.allow_plaintext:
        certificate, waiver = (variable_name(names, path) for path in ("tls.certificate", "tls.allow_plaintext"))
        yield f"{certificate} {where}: set it, or {waiver}=true where something in front, such as a mesh, speaks TLS"
    # With mutual TLS no one calls without a certificate by the operator's own authority.
    are_known = isinstance(tls, TlsSettings) and tls.client_ca is not None
    if isinstance(callers, CallerSettings) and callers.file is None and not are_known and not callers.allow_anonymous:
        file, waiver = (variable_name(names, path) for path in ("callers.file", "callers.allow_anonymous"))
        yield f"{file} {where}: set it, or {waiver}=true where only your own programs can connect"
