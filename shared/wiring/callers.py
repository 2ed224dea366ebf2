"""The callers that a service accepts, followed while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.runtime.caller_settings import CallerSettings
from shared.runtime.file_watch import CHECK_INTERVAL_S, FileWatch
from shared.runtime.service import Process

if TYPE_CHECKING:
    from shared.callers.live_callers import LiveCallers


def open_callers(settings: CallerSettings, process: Process) -> LiveCallers | None:
    """Load and follow the callers; return None if everybody may call. Raise `StartRefused` with all problems."""
    if settings.file is None:
        return None
    # Cryptography takes 10 MiB: it is loaded where it is used.
    from shared.callers.callers_file import read_callers
    from shared.callers.live_callers import LiveCallers
    from shared.callers.token_keys import FETCH_TIMEOUT_S, REFRESH_INTERVAL_S

    watch = FileWatch("CALLERS", [settings.file], read_callers)
    callers = LiveCallers(watch.current)
    watch.on_change(callers.take)
    telemetry = process.telemetry
    telemetry.gauge(
        "callers_file_refused",
        "1 while the changed file of callers is refused.",
        lambda: float(watch.refused is not None),
    )
    telemetry.gauge(
        "token_keys_refused", "Issuers of tokens whose keys could not be read.", lambda: float(callers.refused_key_sets)
    )
    telemetry.gauge("credentials_remembered", "Credentials that were verified.", lambda: float(callers.remembered))
    process.lifecycle.on_reload(watch.reload)
    process.duties.start("follow callers", CHECK_INTERVAL_S, watch.check)
    process.duties.start("follow keys of tokens", REFRESH_INTERVAL_S, callers.refresh_keys, pass_s=FETCH_TIMEOUT_S)
    return callers
