"""Fixtures for all tests. Servers live for the session, databases for one test."""

from __future__ import annotations

import gc
import os
import subprocess
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
import redis
from hypothesis import HealthCheck, settings

from devstack.postgres import EmbeddedPostgres, Version
from devstack.valkey import EmbeddedValkey
from tests.support.citus import SETTING, CitusServer, citus_address
from tests.support.postgres_server import EITHER_VERSION, QUICK, PostgresServer
from tests.support.redis_clients import CLUSTER
from tests.support.reserved_port import lasting_port, release_lasting_ports
from tests.support.scratch_folder import scratch_folder
from tests.support.valkey_cluster import ValkeyCluster, valkey_cluster

# The duration of an example depends on the machine. A law that needs a database tries all its examples on one.
settings.register_profile(
    "laws",
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("laws")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--postgres",
        type=int,
        choices=(16, 18),
        default=18,
        help="version of the embedded PostgreSQL; TEST_DATABASE_URL in the environment names another server instead",
    )
    parser.addoption(
        "--citus",
        action="store_true",
        help="run tests on distributed databases of the cluster at TEST_CITUS_URL",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip tests that have no subject on a cluster if they would run there."""
    if config.getoption("--citus"):
        for item in items:
            if item.get_closest_marker("one_server"):
                item.add_marker(pytest.mark.skip(reason="what it is about is not the same on a cluster"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Half as many processes again as there are cores: a third of the time, tests wait for processes and deadlines."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return (3 * cores + 1) // 2


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Spare what is imported and collected from garbage collection: searching it took a fifth of the CPU of tests."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """Return the folder of the servers' files; each server takes a folder of its own in it."""
    with scratch_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest, server_folder: Path) -> Iterator[PostgresServer | CitusServer]:
    """Return the server that tests use unless they say otherwise."""
    if request.config.getoption("--citus"):
        yield request.getfixturevalue("citus_server")
        return
    if url := os.environ.get("TEST_DATABASE_URL"):
        with PostgresServer(url) as server:
            yield server
        return
    version = cast(Version, request.config.getoption("postgres"))
    yield from _embedded(version, server_folder / "postgres")


@pytest.fixture(scope="session")
def citus_server() -> Iterator[CitusServer]:
    """Return the cluster at TEST_CITUS_URL. Without one the test is skipped."""
    url = citus_address()
    if url is None:
        pytest.skip(f"{SETTING} does not name a Citus cluster")
    with CitusServer(url) as server:
        yield server


@pytest.fixture
def citus_url(citus_server: CitusServer) -> Iterator[str]:
    """Return a distributed database of this test's own."""
    with citus_server.fresh_database() as url:
        yield url


@pytest.fixture(scope="session", autouse=True)
def _lasting_ports() -> Iterator[None]:
    """Give embedded servers ports that stay theirs while they are stopped."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("server", "kafka"):
            patch.setattr(f"devstack.{module}.free_port", lasting_port)
        yield
    release_lasting_ports()


@pytest.fixture(scope="session")
def postgres_16(server_folder: Path) -> Iterator[PostgresServer]:
    """Return a server of the oldest PostgreSQL that is supported."""
    yield from _embedded(16, server_folder / "postgres-16")


@pytest.fixture
def database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Return a migrated database of this test's own."""
    with postgres_server.fresh_database() as url:
        yield url


@pytest.fixture(params=EITHER_VERSION)
def either_database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """As `database_url`, for tests that run on both ends of the supported versions."""
    with request.getfixturevalue(request.param).fresh_database() as url:
        yield url


@pytest.fixture(scope="session")
def new_cluster(server_folder: Path) -> Path:
    """Return the folder of a cluster that was only created. Copying it takes a tenth of the CPU of creating one."""
    folder = server_folder / "new-postgres"
    EmbeddedPostgres(folder, scram_iterations=1).create()
    return folder


@pytest.fixture(scope="session")
def migrated_cluster(server_folder: Path, new_cluster: Path) -> Path:
    """Return the folder of a migrated cluster whose server has stopped. Migrating takes a second of CPU."""
    # Imported here so that tests without a database do not need the library.
    from shared.postgres.schema import migrate

    folder = server_folder / "migrated-postgres"
    server = _copy_of(new_cluster, folder)
    try:
        server.start()
        migrate(server.url)
    finally:
        server.stop()
    return folder


@pytest.fixture
def own_postgres(server_folder: Path, new_cluster: Path) -> Iterator[EmbeddedPostgres]:
    """Return a running server, without migrations, that the test may stop and kill."""
    with _running_copy(new_cluster, server_folder / "own-postgres") as server:
        yield server


@pytest.fixture
def migrated_postgres(server_folder: Path, migrated_cluster: Path) -> Iterator[EmbeddedPostgres]:
    """Return a running migrated server that the test may stop and kill."""
    with _running_copy(migrated_cluster, server_folder / "own-postgres") as server:
        yield server


@pytest.fixture
def patient_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many callers may queue for few connections: none is refused because the machine is slow."""
    monkeypatch.setattr("shared.postgres.connection_lender.POOL_WAIT_MAX_S", 60.0)


@pytest.fixture(scope="session")
def valkey_server(server_folder: Path) -> Iterator[EmbeddedValkey]:
    """Return the Valkey that tests share."""
    with EmbeddedValkey(server_folder / "valkey") as server:
        yield server


@pytest.fixture(scope="session")
def shared_cluster(server_folder: Path) -> Iterator[ValkeyCluster]:
    """Return the cluster of three Valkeys that tests share."""
    with valkey_cluster(server_folder / "valkey-cluster") as cluster:
        yield cluster


@pytest.fixture
def redis_url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return an empty Valkey; this process waits for it as long as a slow machine takes.

    It is one server, or with the parameter `cluster` a cluster.
    """
    monkeypatch.setattr("shared.cache.redis.TIMEOUT_S", 10.0)
    monkeypatch.setattr("shared.cache.redis.DUTY_TIMEOUT_S", 10.0)
    if getattr(request, "param", "") == CLUSTER:
        cluster: ValkeyCluster = request.getfixturevalue("shared_cluster")
        cluster.flush()
        return cluster.url
    valkey_server: EmbeddedValkey = request.getfixturevalue("valkey_server")
    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    return valkey_server.url


@pytest.fixture
def own_valkey(server_folder: Path) -> Iterator[EmbeddedValkey]:
    """Return a running Valkey that the test may stop and kill."""
    with EmbeddedValkey(server_folder / "own-valkey") as server:
        yield server


def _copy_of(cluster: Path, folder: Path) -> EmbeddedPostgres:
    """Copy the folder of a cluster, and return the server of the copy, which does not run yet."""
    # The files belong to the server's account, which `shutil.copytree` would not keep.
    subprocess.run(["cp", "-a", f"{cluster}/.", str(folder)], check=True)  # noqa: S607
    return EmbeddedPostgres(folder, settings=QUICK, scram_iterations=1)


@contextmanager
def _running_copy(cluster: Path, folder: Path) -> Iterator[EmbeddedPostgres]:
    """Run a server on a copy of the folder of a cluster, and remove the copy."""
    server = _copy_of(cluster, folder)
    try:
        server.start()
        yield server
    finally:
        server.remove()


def _embedded(version: Version, directory: Path) -> Iterator[PostgresServer]:
    embedded = EmbeddedPostgres(directory, version=version, settings=QUICK, scram_iterations=1)
    try:
        embedded.start()
        with PostgresServer(embedded.url) as server:
            yield server
    finally:
        embedded.remove()
