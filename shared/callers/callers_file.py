"""The file of callers: preshared keys, issuers of tokens, and certificates, in TOML."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from shared.callers.token_keys import ALGORITHMS
from shared.domain.access import PLAYER_ROLES, Role
from shared.domain.caller_limits import NO_LIMITS, CallerLimits, Limit
from shared.runtime.file_watch import FileRefused

ENTRIES_MAX = 1_000
"""Maximum number of keys, and of certificates."""
ISSUERS_MAX = 16
SECTIONS = frozenset({"keys", "certificates", "issuers", "limits"})
LIMIT_MIN, LIMIT_MAX = 0.01, 1e9
"""Bounds of a limit. To forbid something altogether, do not give the role."""
PROBLEMS_MAX = 10
"""Number of problems that a refusal names."""

E = TypeVar("E")

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class KeyEntry:
    """A preshared key, of which only the hash is known."""

    name: str
    sha256: bytes
    roles: frozenset[Role]
    limits: CallerLimits


@dataclass(frozen=True)
class CertificateEntry:
    """A caller that is known by a subject alternative name of its certificate."""

    name: str
    identity: str
    roles: frozenset[Role]
    limits: CallerLimits


@dataclass(frozen=True)
class IssuerEntry:
    """An issuer of tokens."""

    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    jwks: str
    """The file or URL of its keys."""
    is_of_players: bool
    """True if a token's subject is a player, for whom alone it speaks."""
    roles: frozenset[Role]
    leeway_s: float
    player_claim: str
    roles_claim: str | None
    """The claim that restricts the roles of a token; None: it has all of the entry's."""
    limits: CallerLimits
    """The limits of each player or service that it issues tokens for."""


@dataclass(frozen=True)
class CallersDocument:
    """The contents of the file."""

    keys: tuple[KeyEntry, ...]
    certificates: tuple[CertificateEntry, ...]
    issuers: tuple[IssuerEntry, ...]


def read_callers(contents: Sequence[bytes]) -> CallersDocument:
    """Return the callers in the contents of the file. Raise `FileRefused` with what is wrong, without secrets."""
    try:
        document = tomllib.loads(contents[0].decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        # The library's message may quote the text.
        raise FileRefused("it is not TOML in UTF-8") from None
    problems = [f"{name!r} is not known" for name in sorted(document.keys() - SECTIONS)]
    found = document.get("limits", {})
    limits_of_all = NO_LIMITS
    if isinstance(found, dict):
        limits_of_all = _limits("limits", found, NO_LIMITS, problems)
    else:
        problems.append("'limits' is not a table")

    def entries(section: str, read: Callable[[_Table], E], maximum: int) -> tuple[E, ...]:
        found = document.get(section, [])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            problems.append(f"{section!r} is not a list of tables")
            return ()
        if len(found) > maximum:
            problems.append(f"there are {len(found):,} {section}, at most {maximum:,} are possible")
            return ()
        made = []
        for number, each in enumerate(found, 1):
            table = _Table(f"{section} {number}", each, limits_of_all)
            entry = read(table)
            problems.extend(table.all_problems())
            made.append(entry)
        return tuple(made)

    keys = entries("keys", _key, ENTRIES_MAX)
    certificates = entries("certificates", _certificate, ENTRIES_MAX)
    issuers = entries("issuers", _issuer, ISSUERS_MAX)
    if len({key.sha256 for key in keys}) < len(keys):
        problems.append("a key occurs twice")
    if len({certificate.identity for certificate in certificates}) < len(certificates):
        problems.append("the identity of a certificate occurs twice")
    if problems:
        more = f" (and {len(problems) - PROBLEMS_MAX} more)" if len(problems) > PROBLEMS_MAX else ""
        raise FileRefused("; ".join(problems[:PROBLEMS_MAX]) + more)
    return CallersDocument(keys, certificates, issuers)


class _Table:
    """One table of the file. Every problem is noted, and a harmless value is returned instead."""

    def __init__(self, place: str, values: Mapping[str, Any], limits_of_all: CallerLimits) -> None:
        self._place = place
        self._limits_of_all = limits_of_all
        self._values = values
        self._known: set[str] = set()
        self._problems: list[str] = []

    def problem(self, name: str, what: str) -> None:
        self._problems.append(f"{self._place}: {name} {what}")

    def text(self, name: str, default: str | None = None, pattern: re.Pattern[str] | None = None) -> str:
        self._known.add(name)
        value = self._values.get(name, default)
        if not isinstance(value, str) or not 0 < len(value) <= 1_000:
            self.problem(name, "is missing" if value is None else "is not a text of 1 to 1,000 characters")
            return ""
        if pattern is not None and not pattern.fullmatch(value):
            self.problem(name, "is malformed")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        self._known.add(name)
        value = self._values.get(name)
        if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
            self.problem(name, "is not a list of texts, at least one")
            return ()
        return tuple(value)

    def roles(self) -> frozenset[Role]:
        named = self.texts("roles")
        known = {str(role) for role in Role}
        if any(name not in known for name in named):
            self.problem("roles", f"has one that is none of {', '.join(sorted(known))}")
        return frozenset(Role(name) for name in named if name in known)

    def number(self, name: str, default: float, maximum: float) -> float:
        self._known.add(name)
        value = self._values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= maximum:
            self.problem(name, f"is not a number from 0 to {maximum:g}")
            return default
        return float(value)

    def limits(self) -> CallerLimits:
        self._known.add("limits")
        value = self._values.get("limits", {})
        if not isinstance(value, dict):
            self.problem("limits", "is not a table")
            return NO_LIMITS
        return _limits(f"{self._place}: limits", value, self._limits_of_all, self._problems)

    def has(self, name: str) -> bool:
        return name in self._values

    def all_problems(self) -> Iterator[str]:
        yield from self._problems
        for name in sorted(self._values.keys() - self._known):
            yield f"{self._place}: {name!r} is not known"


def _key(table: _Table) -> KeyEntry:
    name = table.text("name", pattern=NAME)
    sha256 = table.text("sha256", pattern=_SHA256)
    digest = bytes.fromhex(sha256) if _SHA256.fullmatch(sha256) else b""
    return KeyEntry(name, digest, table.roles(), table.limits())


def _certificate(table: _Table) -> CertificateEntry:
    name, identity = table.text("name", pattern=NAME), table.text("identity")
    return CertificateEntry(name, identity, table.roles(), table.limits())


def _issuer(table: _Table) -> IssuerEntry:
    algorithms = table.texts("algorithms")
    if any(algorithm not in ALGORITHMS for algorithm in algorithms):
        table.problem("algorithms", f"has one that is none of {', '.join(ALGORITHMS)}")
    is_of_players = table.text("speak_for", pattern=re.compile("player|service")) == "player"
    if is_of_players and table.has("roles"):
        table.problem(
            "roles", "are not for tokens that speak for a player: they have " + ", ".join(sorted(PLAYER_ROLES))
        )
    jwks = table.text("jwks")
    if "://" in jwks and not _is_safe(jwks):
        table.problem("jwks", "is a URL without https")
    return IssuerEntry(
        issuer=table.text("issuer"),
        audience=table.text("audience"),
        algorithms=algorithms,
        jwks=jwks,
        is_of_players=is_of_players,
        roles=PLAYER_ROLES if is_of_players else table.roles(),
        leeway_s=table.number("leeway_s", 30.0, 300.0),
        player_claim=table.text("player_claim", "sub") if is_of_players else "sub",
        roles_claim=table.text("roles_claim") if not is_of_players and table.has("roles_claim") else None,
        limits=table.limits(),
    )


def _limits(place: str, values: Mapping[str, Any], limits: CallerLimits, problems: list[str]) -> CallerLimits:
    """Return limits with those that a table sets. Note what is wrong with it."""
    for limit in Limit:
        value = values.get(limit.setting)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not LIMIT_MIN <= value <= LIMIT_MAX:
            problems.append(f"{place}: {limit.setting} is not a number from {LIMIT_MIN:g} to {LIMIT_MAX:g}")
        else:
            limits = limits._replace(**{limit.name.lower(): float(value)})
    problems += [f"{place}: {name!r} is not known" for name in sorted(values.keys() - {each.setting for each in Limit})]
    return limits


def _is_safe(url: str) -> bool:
    """Return whether keys can be fetched from the URL without another one in between changing them."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" or (
            parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
        )
    except ValueError:
        return False
