"""The total number of connections of all workers."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from shared.runtime.settings import load, prefixed
from shared.runtime.settings_groups import DatabaseSettings, ServerSettings, connections_of
from shared.runtime.start_refused import SettingsInvalid


@dataclass(frozen=True, kw_only=True)
class Example:
    """A service with a database."""

    database: DatabaseSettings
    server: ServerSettings = prefixed("EXAMPLE_", port=1, metrics_port=2)


ENVIRON = {"DATABASE_URL": "postgresql://db/x", "DATABASE_POOL_SIZE": "5", "DATABASE_CONNECTIONS_MAX": "20"}


def test_workers_times_pool_size_is_allowed_up_to_the_limit() -> None:
    settings = load(Example, ENVIRON)
    for workers in (1, 4):
        connections = connections_of(settings, workers)
        assert connections is not None
        connections.require_allowed()
    assert str(connections) == (
        "connections to PostgreSQL: 4 x 5 = 20 (EXAMPLE_WORKERS x DATABASE_POOL_SIZE),"
        " at most 20 (DATABASE_CONNECTIONS_MAX)"
    )


def test_beyond_the_limit_the_problem_names_the_settings_to_change() -> None:
    connections = connections_of(load(Example, ENVIRON), workers=5)
    assert connections is not None
    with pytest.raises(SettingsInvalid) as refused:
        connections.require_allowed()
    assert refused.value.problems == (
        "connections to PostgreSQL: 5 x 5 = 25 (EXAMPLE_WORKERS x DATABASE_POOL_SIZE),"
        " at most 20 (DATABASE_CONNECTIONS_MAX): lower EXAMPLE_WORKERS or DATABASE_POOL_SIZE,"
        " or raise DATABASE_CONNECTIONS_MAX if PostgreSQL has as many to give",
    )


def test_a_service_without_a_database_has_no_connections() -> None:
    assert connections_of(object(), workers=100) is None
