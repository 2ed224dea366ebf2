"""Settings of who may call."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shared.runtime.settings import setting


@dataclass(frozen=True, kw_only=True)
class CallerSettings:
    """The callers that are accepted, and what they may see of the contract."""

    file: Path | None = setting(
        "CALLERS",
        help="TOML file with the accepted callers: keys, issuers of tokens, certificates. Not set: everybody may call.",
    )
    reflection: bool | None = setting(
        "REFLECTION", help="Let callers read the contract by reflection. Not set: only without `CALLERS`."
    )
    allow_anonymous: bool = setting(
        "ALLOW_ANONYMOUS",
        default=False,
        help="Let the gRPC port be open beyond the loopback interface without `CALLERS` and mutual TLS.",
    )

    @property
    def reflects(self) -> bool:
        """True if reflection is on."""
        return self.file is None if self.reflection is None else self.reflection
