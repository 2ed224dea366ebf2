"""One parser for addresses: services and migrations reach the same schema of the same database, however it is named."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import psycopg
import pytest
from psycopg import sql

from shared.postgres import schema
from shared.postgres.connection import Connection
from shared.postgres.migrations import migration_files, missing_migrations
from shared.runtime.address_checks import AddressInvalid, check_address, resolve
from tests.support.databases import connected, opened, soon
from tests.support.postgres_server import PostgresServer


class Place(NamedTuple):
    """An empty database whose name has a space, with a schema `game` in it."""

    host: str
    port: int
    user: str
    password: str
    database: str

    def url(self, query: str = "", hosts: str = "") -> str:
        hosts = hosts or f"{self.host}:{self.port}"
        return f"postgresql://{self.user}:{self.password}@{hosts}/{quote(self.database)}{query}"


@pytest.fixture
def place(postgres_server: PostgresServer) -> Iterator[Place]:
    """Yield an empty database with an unusual name."""
    parts = urlsplit(postgres_server.url)
    name = f"empty {secrets.token_hex(4)}"
    with psycopg.connect(postgres_server.url, autocommit=True) as administrator:
        administrator.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        place = Place(parts.hostname or "", parts.port or 0, parts.username or "", parts.password or "", name)
        with psycopg.connect(place.url(), autocommit=True) as connection:
            connection.execute("CREATE SCHEMA game")
        yield place
        administrator.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def addresses(place: Place, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return addresses of the schema `game` in every notation that libpq reads."""
    services = folder / "services.conf"
    keywords = {"host": place.host, "port": place.port, "user": place.user, "password": place.password}
    lines = [f"{name}={value}" for name, value in {**keywords, "dbname": place.database}.items()]
    services.write_text("\n".join(["[prod]", *lines, "options=-csearch_path=game", "connect_timeout=7"]) + "\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    words = " ".join(f"{name}={value}" for name, value in keywords.items())
    search_path = "-csearch_path%3Dgame"
    return {
        "url": place.url(f"?options={search_path}"),
        "several hosts": place.url(
            f"?options={search_path}&target_session_attrs=read-write", f"127.0.0.1:1,{place.host}:{place.port}"
        ),
        "keywords": f"{words} dbname='{place.database}' options='-c search_path=game'",
        "service": "service=prod",
        "service in a URL": "postgresql:///?service=prod",
    }


@pytest.mark.parametrize("notation", ["url", "several hosts", "keywords", "service", "service in a URL"])
def test_services_and_migrations_reach_the_same_schema(
    place: Place, notation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = addresses(place, tmp_path, monkeypatch)[notation]
    check_address(address)
    assert schema.migrate(address) == [path.stem for path in migration_files()]
    with psycopg.connect(place.url()) as connection:
        tables = connection.execute(
            "SELECT DISTINCT schemaname FROM pg_tables WHERE schemaname !~ '^(pg_|information)'"
        )
        assert tables.fetchall() == [("game",)], "yoyo's tables too"
    with opened(address, pool_size=1) as database:
        assert database.autocommit(missing_migrations, soon()) == []
    assert schema.roll_back(address, 1) == [migration_files()[-1].stem]


def shown(connection: Connection, name: str) -> str:
    """Return a session's value of a parameter."""
    row = connection.execute("SELECT current_setting($1)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def test_parameters_of_the_address_are_merged_with_ours(database_url: str) -> None:
    separator = "&" if "?" in database_url else "?"
    options = quote("-c statement_timeout=12s -c work_mem=5MB")
    address = f"{database_url}{separator}options={options}&application_name=ours&keepalives_idle=33&connect_timeout=9"
    with connected(address) as connection:
        assert shown(connection, "statement_timeout") == "12s"
        assert shown(connection, "work_mem") == "5MB"
        assert shown(connection, "lock_timeout") == "10s", "what the address leaves open is ours"
        assert shown(connection, "application_name") == "ours"
        parameters = connection.info.get_parameters()
    assert (parameters["keepalives_idle"], parameters["keepalives_count"]) == ("33", "3")
    assert parameters["connect_timeout"] == "9"


def test_options_of_the_environment_are_merged_with_ours(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c work_mem=6MB")
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    with connected(database_url) as connection:
        assert shown(connection, "work_mem") == "6MB"
        assert shown(connection, "jit") == "off"
        assert shown(connection, "client_encoding") == "UTF8"


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("postgresql+psycopg://app:s3cretpw@host/game", "has the scheme 'postgresql+psycopg', must be 'postgresql'"),
        ("redis://host/0", "has the scheme 'redis', must be 'postgresql'"),
        ('"postgresql://app:s3cretpw@host/game"', "begins with a quote"),
        ("'postgresql://app:s3cretpw@host/game'", "begins with a quote"),
        ("postgresql://app:s3cretpw/x@host/game", "has a port that is no number"),
        ("postgresql://app@host:s3cretpw/game", "has a port that is no number"),
        ("postgresql://app@host:65536/game", "has a port that is no number"),
        ("postgresql://app:s3cretpw%zz@host/game", "is no address that libpq can read"),
        ("postgresql://app:s3cretpw@[::1/game", "is no address that libpq can read"),
        ("s3cretpw", "is no address that libpq can read"),
        ("postgresql://app:s3cretpw@host/game?nonsense=1", 'invalid URI query parameter: "nonsense"'),
        ("host=host pasword=s3cretpw", 'invalid connection option "pasword"'),
        ("service=nowhere", 'definition of service "nowhere" not found'),
        ("postgresql://app:s3cretpw@host/game?client_encoding=LATIN1", "sets client_encoding, which must be UTF8"),
    ],
)
def test_a_wrong_address_is_refused_without_its_password(address: str, problem: str) -> None:
    with pytest.raises(AddressInvalid) as refused:
        check_address(address)
    assert problem in str(refused.value)
    assert "s3cretpw" not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://app:s3cret%2Fpw@[::1]:5432/game?sslmode=require",
        "postgres://a:1,b:2,c/game",
        "postgresql:///game?host=/var/run/postgresql",
        "host=a,b port=1,2 dbname='a b' password='it\\'s'",
        "dbname=game",
        "postgresql://",
    ],
)
def test_every_notation_of_libpq_is_taken(address: str) -> None:
    check_address(address)
    assert resolve(address)


def test_a_missing_right_is_named(place: Place) -> None:
    role = f"reader_{secrets.token_hex(4)}"
    with psycopg.connect(place.url(), autocommit=True) as administrator:
        administrator.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'reader'").format(sql.Identifier(role)))
        try:
            reader = place._replace(user=role, password="reader")
            with pytest.raises(
                schema.MigrationRefused, match=f"role '{role}' may not create tables in schema 'public'"
            ):
                schema.migrate(reader.url())
            with pytest.raises(schema.MigrationRefused, match="no schema of the search path 'nowhere' exists"):
                schema.migrate(place.url("?options=-csearch_path%3Dnowhere"))
            schema.migrate(place.url())
            administrator.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(sql.Identifier(role)))
            with pytest.raises(schema.MigrationRefused, match="permission denied for table"):
                schema.migrate(reader.url())
            with pytest.raises(schema.MigrationRefused, match=r"database .* does not exist"):
                schema.migrate(place._replace(database="nowhere").url())
        finally:
            administrator.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))
            administrator.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
