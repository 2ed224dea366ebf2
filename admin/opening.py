"""The database, Redis and the catalogue that the environment names, opened for a command.

A command whose settings are missing ends with status 2. One that cannot reach what it needs ends with status 1.
Standard error says why.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TypeVar

from admin.terminal import say_error
from shared.cache.errors import CacheRefused, CacheUnavailable
from shared.cache.keys import PREFIX_PATTERN
from shared.cache.redis import Cache
from shared.catalogue.loader import load
from shared.catalogue.problem import CatalogueInvalid
from shared.domain.catalogue import Catalogue
from shared.domain.database_identity import DatabaseIdentity
from shared.domain.erasure import KEY_BYTES_MIN
from shared.domain.errors import ChallengeError
from shared.domain.operator_acts import ActOutcome, OperatorAct
from shared.operations.goals.known_player import PlayerUnknown
from shared.operations.redis_prefix import prefix_problem
from shared.postgres.catalogue import catalogue_record
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.operators import operator_audit
from shared.postgres.sqlstates import missing_right
from shared.runtime.address_checks import check_database, check_redis
from shared.runtime.clock import system_clock
from shared.runtime.secret_files import secret_text
from shared.runtime.settings_groups import SYNCHRONOUS, SYNCHRONOUS_REQUIRED

_T = TypeVar("_T")

DEADLINE_S = 30.0
_CACHE_CONNECTIONS_MAX = 4
REDIS_PATIENCE_S = 3.0
"""Time in seconds for the first connection to Redis: a name to look up and TLS may take longer than calls wait."""
_PROBE_AGAIN_S = 0.1


def deadline(limit_s: float = DEADLINE_S) -> float:
    """Return the deadline of work that begins now."""
    return time.monotonic() + limit_s


_SECRETS = frozenset({"DATABASE_URL", "REDIS_URL"})


def secret(name: str) -> str:
    """Return a secret from the environment or the file that it names; empty without either. May end the command."""
    try:
        return secret_text(name, os.environ)
    except ValueError as problem:
        stop(f"{name} {problem}", status=2)


def erase_list_key() -> bytes:
    """Return the key of the list of erased players at ERASE_LIST_KEY, or end the command."""
    key = secret("ERASE_LIST_KEY").encode()
    if len(key) < KEY_BYTES_MIN:
        stop(f"ERASE_LIST_KEY is not set to a secret of at least {KEY_BYTES_MIN} bytes", status=2)
    return key


def setting(name: str) -> str:
    """Return an environment variable that the command needs, or end the command."""
    value = secret(name) if name in _SECRETS else os.environ.get(name)
    if not value:
        stop(f"{name} is not set", status=2)
    return value


def database_address() -> str:
    """Return the address in DATABASE_URL, or end the command."""
    return _checked("DATABASE_URL", setting("DATABASE_URL"), check_database)


def _checked(name: str, address: str, check: Callable[[str], object]) -> str:
    try:
        check(address)
    except ValueError as problem:
        stop(f"{name} {problem}", status=2)
    return address


def stop(*why: str, status: int = 1) -> NoReturn:
    """End the command with a message of one or more lines."""
    say_error(*why)
    raise SystemExit(status)


@contextmanager
def open_database(command: str) -> Iterator[Database]:
    """Yield the database at DATABASE_URL. An error of the database or an unknown player ends the command."""
    synchronous = os.environ.get("DATABASE_SYNCHRONOUS") or SYNCHRONOUS[0]
    if synchronous not in SYNCHRONOUS:
        stop(f"DATABASE_SYNCHRONOUS is not one of {', '.join(SYNCHRONOUS)}", status=2)
    database = Database(
        database_address(),
        pool_size=1,
        application_name=f"admin {command}",
        synchronous=synchronous == SYNCHRONOUS_REQUIRED,
    )
    database.open()
    try:
        yield database
    except (ChallengeError, PlayerUnknown) as error:
        missing = missing_right(error)
        if missing is not None:
            role = "run this as challenge_operator, or another role with its rights"
            stop(f"{missing}: {role} (docs/operations.md, Roles)")
        stop(str(error) if database.problem is None else f"{error}: {database.problem}")
    finally:
        database.close()


def read(database: Database, work: Callable[[Connection], _T]) -> _T:
    """Return the result of read-only work, which ends at the usual deadline."""
    return database.autocommit(work, deadline())


@contextmanager
def noted(database: Database, act: OperatorAct) -> Iterator[ActOutcome]:
    """Record in the audit what is done inside, which is no single transaction: its intention, then its outcome."""
    with operator_audit.noted(lambda work: database.transact(work, deadline()), act, system_clock) as outcome:
        yield outcome


@contextmanager
def open_cache() -> Iterator[Cache]:
    """Yield the Redis at REDIS_URL, which has to reply."""
    with open_cache_if_set() as cache:
        if cache is None:
            stop("REDIS_URL is not set", status=2)
        problem = cache_problem(cache)
        if problem is not None:
            stop(problem)
        yield cache


def cache_problem(cache: Cache) -> str | None:
    """Return why Redis cannot be used, also after `REDIS_PATIENCE_S`; None if it can."""
    until = time.monotonic() + REDIS_PATIENCE_S
    while (problem := cache.probe()) is not None and cache.problem == "unavailable" and time.monotonic() < until:
        time.sleep(_PROBE_AGAIN_S)
    return problem


@contextmanager
def open_cache_if_set() -> Iterator[Cache | None]:
    """Yield the Redis at REDIS_URL, which need not reply, or None if the variable is not set."""
    url = secret("REDIS_URL")
    if not url:
        yield None
        return
    cache = Cache(
        _checked("REDIS_URL", url, check_redis), connections_max=_CACHE_CONNECTIONS_MAX, prefix=prefix_setting()
    )
    try:
        yield cache
    except CacheUnavailable as error:
        stop(f"Redis does not respond: {type(error.__cause__ or error).__name__}")
    except CacheRefused as error:
        stop(f"Redis refuses: {error}")
    finally:
        cache.close()


def prefix_setting() -> str:
    """Return the prefix of keys in Redis at REDIS_PREFIX, which may be empty."""
    prefix = os.environ.get("REDIS_PREFIX", "")
    if PREFIX_PATTERN.fullmatch(prefix) is None:
        stop("REDIS_PREFIX is not up to 64 letters, digits and any of _ . : -", status=2)
    return prefix


def agreed_prefix(identity: DatabaseIdentity) -> str:
    """Return the prefix of keys in Redis. End the command if the services of this database have another one."""
    prefix = prefix_setting()
    problem = prefix_problem(identity, prefix)
    if problem is not None:
        stop(problem, status=2)
    return prefix


def load_catalogue(path: Path | None = None) -> Catalogue:
    """Return the catalogue at a path that an argument names, which may be a pipe, or else at CATALOGUE."""
    try:
        return load(Path(setting("CATALOGUE"))) if path is None else load(path, pipe_allowed=True)
    except CatalogueInvalid as invalid:
        stop(*map(str, invalid.problems))


def load_catalogue_that_runs(database: Database) -> Catalogue:
    """Return the catalogue at CATALOGUE if services have run with it: with another one, correct rows look wrong."""
    catalogue = load_catalogue()
    if not read(database, lambda connection: catalogue_record.has_run(connection, catalogue.version)):
        stop(f"no service has run here with the catalogue at {setting('CATALOGUE')}; it must be the one that they run")
    return catalogue
