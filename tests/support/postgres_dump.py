"""Dumps of a database, and their restore by Postgres' own programs."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from devstack.binaries import postgres_installation

NEWEST = 18
TIMEOUT_S = 60.0


def dump(url: str, file: Path) -> None:
    """Write the database to a file."""
    _run("pg_dump", "--format=custom", f"--file={file}", url)


def restore(url: str, file: Path) -> None:
    """Replace the database by the one in the file, even if clients are connected."""
    parts = urlsplit(url)
    name = sql.Identifier(parts.path.removeprefix("/"))
    with psycopg.connect(urlunsplit(parts._replace(path="/postgres")), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
    _run("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={url}", str(file))


def _run(program: str, *arguments: str) -> None:
    command = [str(postgres_installation(NEWEST, None) / "bin" / program), *arguments]
    subprocess.run(command, check=True, timeout=TIMEOUT_S, capture_output=True)
