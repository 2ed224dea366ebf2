"""What commands stand on: the database, Redis and the catalogue that the environment names, as for the services.

What is missing or away is said on standard error, and ends the command: status 2 if it is not set, 1 if it cannot be
used.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from shared.cache.redis import Cache, CacheRefused, CacheUnavailable
from shared.catalogue.loader import load
from shared.catalogue.problem import CatalogueInvalid
from shared.domain.catalogue import Catalogue
from shared.domain.errors import ChallengeError
from shared.operations.goals.known_player import PlayerUnknown
from shared.postgres.catalogue import catalogue_record
from shared.postgres.database import Database

_CACHE_CONNECTIONS_MAX = 4
_RECORD_READ_S = 30.0


def setting(name: str) -> str:
    """A variable of the environment that the command cannot do without."""
    value = os.environ.get(name)
    if not value:
        stop(f"{name} is not set", status=2)
    return value


def stop(why: str, status: int = 1) -> NoReturn:
    """End the command."""
    print(why, file=sys.stderr)
    raise SystemExit(status)


@contextmanager
def open_database(command: str, pool_size: int = 1) -> Iterator[Database]:
    """The database at DATABASE_URL, as the command's own `application_name`. What it refuses ends the command."""
    database = Database(setting("DATABASE_URL"), pool_size=pool_size, application_name=f"admin {command}")
    database.open()
    try:
        yield database
    except (ChallengeError, PlayerUnknown) as error:
        stop(str(error))
    finally:
        database.close()


@contextmanager
def open_cache() -> Iterator[Cache]:
    """The Redis at REDIS_URL, which must answer."""
    with open_cache_if_set() as cache:
        if cache is None:
            stop("REDIS_URL is not set", status=2)
        away = cache.probe()
        if away is not None:
            stop(away)
        yield cache


@contextmanager
def open_cache_if_set() -> Iterator[Cache | None]:
    """The Redis at REDIS_URL, if there is one; it need not answer."""
    url = os.environ.get("REDIS_URL")
    if not url:
        yield None
        return
    cache = Cache(url, connections_max=_CACHE_CONNECTIONS_MAX)
    try:
        yield cache
    except CacheUnavailable as error:
        stop(f"Redis does not answer: {type(error.__cause__ or error).__name__}")
    except CacheRefused as error:
        stop(f"Redis refuses: {error}")
    finally:
        cache.close()


def load_catalogue() -> Catalogue:
    """The catalogue at CATALOGUE."""
    try:
        return load(Path(setting("CATALOGUE")))
    except CatalogueInvalid as invalid:
        stop("\n".join(map(str, invalid.problems)))


def load_catalogue_that_runs(database: Database) -> Catalogue:
    """The catalogue at CATALOGUE, which services must have run with: by another one, rows that are right look wrong."""
    catalogue = load_catalogue()
    deadline = time.monotonic() + _RECORD_READ_S
    if not database.autocommit(lambda connection: catalogue_record.has_run(connection, catalogue.version), deadline):
        stop(f"no service has run here with the catalogue at {setting('CATALOGUE')}; it must be the one that they run")
    return catalogue
