"""Root's server runs under an unprivileged account, wherever the project lies."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from devstack.account import server_account
from devstack.binaries import postgres_installation
from devstack.postgres import EmbeddedPostgres
from tests.support.postgres_server import QUICK

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's server runs under his own account")


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder that only root may enter."""
    tmp_path.chmod(0o700)
    yield tmp_path
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def owner(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def test_data_of_a_closed_folder_is_sheltered_as_long_as_the_folder_is_there(closed: Path) -> None:
    lives = [EmbeddedPostgres(closed / "pg", settings=QUICK) for _ in range(3)]
    first, second, third = lives
    try:
        with first:
            assert first.pid is not None
            assert owner(first.pid) == first.data.stat().st_uid != 0
            assert not first.data.is_relative_to(closed)
            with psycopg.connect(first.url) as connection:
                connection.execute("CREATE TABLE kept AS SELECT 1")
        with second, psycopg.connect(second.url) as connection:
            connection.execute("SELECT FROM kept")

        shutil.rmtree(closed / "pg")
        with third, psycopg.connect(third.url) as connection:
            assert connection.execute("SELECT to_regclass('kept')").fetchone() == (None,)
    finally:
        third.remove()
    assert not first.data.exists()


def test_binaries_in_a_closed_folder_are_copied_once_and_run(closed: Path) -> None:
    account = server_account()
    assert account is not None
    installed = postgres_installation(18, account)
    package, libraries = installed.parent, installed.parent.with_name(f"{installed.parent.name}.libs")
    shutil.copytree(installed, closed / package.name / installed.name, ignore=shutil.ignore_patterns("include"))
    shutil.copytree(libraries, closed / libraries.name)
    (closed / package.name / "__init__.py").touch()

    # A process of its own finds the copied package first.
    script = (
        "from devstack.account import server_account; from devstack.binaries import postgres_installation;"
        "print(postgres_installation(18, server_account()))"
    )
    environment = {**os.environ, "PYTHONPATH": f"{closed}{os.pathsep}{Path.cwd()}"}
    replies = {
        subprocess.run([sys.executable, "-c", script], env=environment, check=True, stdout=subprocess.PIPE).stdout
        for _ in range(2)
    }
    assert len(replies) == 1
    copy = Path(replies.pop().decode().strip())
    try:
        assert not copy.is_relative_to(closed)
        for program in ("initdb", "postgres"):
            shown = subprocess.run(
                [copy / "bin" / program, "--version"],
                user=account.uid,
                group=account.gid,
                extra_groups=[],
                check=True,
                stdout=subprocess.PIPE,
            )
            assert b"(PostgreSQL) 18" in shown.stdout
    finally:
        shutil.rmtree(copy.parents[1])
