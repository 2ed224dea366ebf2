"""Callers, their roles, and what a method asks of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from shared.domain.caller_errors import OtherPlayer, RoleMissing
from shared.domain.caller_limits import NO_LIMITS, CallerLimits
from shared.domain.errors import ChallengeError


class Role(StrEnum):
    """The roles of the contract, by the names that operators write."""

    EVENTS_WRITE = "events:write"
    PLAYERS_READ = "players:read"
    PLAYERS_WRITE = "players:write"
    CLAIMS_WRITE = "claims:write"
    OPERATE = "operate"
    ATTRIBUTES_WRITE = "attributes:write"


PLAYER_ROLES = frozenset({Role.PLAYERS_READ, Role.PLAYERS_WRITE, Role.CLAIMS_WRITE})
"""The roles of a player's token."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller that has proved who it is."""

    name: str
    roles: frozenset[Role]
    player: str | None = None
    """The only player for whom it may speak; None: any."""
    expires_s: float = math.inf
    """When its credential ends, in seconds since 1970."""
    limits: CallerLimits = NO_LIMITS


class Credentials(NamedTuple):
    """The proof that a call carries."""

    authorizations: Sequence[str]
    """Values of the header `authorization`."""
    certificate_names: tuple[str, ...]
    """The subject alternative names of the connection's certificate, if the service asks for one."""
    peer: str
    """The connection."""


class Callers(Protocol):
    """The callers that a service accepts."""

    @property
    def generation(self) -> int:
        """A number that increases whenever callers, roles or keys of tokens have changed."""

    def judge(self, credentials: Credentials) -> Caller | ChallengeError:
        """Return the caller, or the error with which its call ends."""


@dataclass(frozen=True)
class Access:
    """The demand of a method on its callers."""

    needs: Role | None
    """The role; None: the method is denied."""
    speaks_for: str | None = None
    """The field of the request that names the player; None: the request concerns no particular player."""

    def refusal_of(self, caller: Caller) -> ChallengeError | None:
        """Return the error if the caller may not call the method at all."""
        if self.needs is None:
            return RoleMissing("no caller may call this method")
        if self.needs not in caller.roles:
            return RoleMissing(f"the caller does not have the role {self.needs}", role=str(self.needs))
        return None

    def require_own(self, request: object, player: str) -> None:
        """Raise `OtherPlayer` if the request of a caller who speaks for `player` names another one."""
        if self.speaks_for is not None and getattr(request, self.speaks_for) != player:
            raise OtherPlayer(f"{self.speaks_for} is not the player of the token")
