"""The end of the stack: in order after a signal, and as a whole when a part dies."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from pathlib import Path

import psycopg
import pytest

from devstack.ports import LOOPBACK
from devstack.valkey import STOP_S
from tests.devstack.command import PORT_SETTINGS, Command, devstack, is_running
from tests.support.unstalled_clock import unstalled_s
from tests.support.waiting import wait_until

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def urls(command: Command) -> dict[str, str]:
    """Return the variables that `devstack servers` prints, by name."""
    command.wait_for("export REDIS_URL")
    return dict(re.findall(r"export (\w+)='(.*)'", command.output))


def pid_of(command: Command, program: str) -> int:
    return next(pid for pid, name in command.children().items() if name == program)


@linux_only
def test_a_killed_supervisor_leaves_no_server_running_and_loses_no_data(folder: Path) -> None:
    with devstack("servers", folder) as command:
        with psycopg.connect(urls(command)["DATABASE_URL"], autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1")
        servers = command.children()
        assert sorted(servers.values()) == ["postgres", "valkey-server"]
        command.send(signal.SIGKILL)
        command.wait()

        # Start again at once, while the old server may still be stopping.
        with devstack("servers", folder) as again:
            with psycopg.connect(urls(again)["DATABASE_URL"]) as connection:
                connection.execute("SELECT FROM kept")
            wait_until(lambda: not any(is_running(pid) for pid in servers))
            again.send(signal.SIGTERM)
            assert again.wait() == 0


@linux_only
@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_one_signal_stops_everything_in_order(folder: Path, number: signal.Signals) -> None:
    with devstack("servers", folder) as command:
        urls(command)
        servers = command.children()
        command.send(number)
        assert command.wait() == 0
        assert not any(is_running(pid) for pid in servers)
        assert "database system is shut down" in (folder / "data/postgres-18/server.log").read_text()


@linux_only
def test_a_second_signal_kills_parts_that_do_not_stop(folder: Path) -> None:
    with devstack("servers", folder) as command:
        urls(command)
        servers = command.children()
        os.kill(pid_of(command, "valkey-server"), signal.SIGSTOP)
        command.send(signal.SIGTERM)
        command.wait_for("stopping")
        started = unstalled_s()
        command.send(signal.SIGTERM)
        command.wait()
        assert unstalled_s() - started < STOP_S
        wait_until(lambda: not any(is_running(pid) for pid in servers))


@linux_only
def test_when_a_server_dies_it_is_named_and_everything_stops(folder: Path) -> None:
    with devstack("servers", folder) as command:
        urls(command)
        servers = command.children()
        os.kill(pid_of(command, "valkey-server"), signal.SIGKILL)
        assert command.wait() == 1
        assert "devstack: valkey ended; its last lines:" in command.output
        assert "Ready to accept connections" in command.output
        assert not any(is_running(pid) for pid in servers)


def test_every_busy_port_is_named_with_its_setting(folder: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as first, socket.create_server((LOOPBACK, 0)) as second:
        ports = [str(listener.getsockname()[1]) for listener in (first, second)]
        with devstack("run", folder, EVENT_PORT=ports[0], CHALLENGE_METRICS_PORT=ports[1]) as command:
            assert command.wait() == 2
            assert f"port {ports[0]} is in use: set EVENT_PORT" in command.output
            assert f"port {ports[1]} is in use: set CHALLENGE_METRICS_PORT" in command.output
    assert not (folder / "data").exists()


def test_all_invalid_settings_are_named(folder: Path) -> None:
    with devstack("run", folder, **dict.fromkeys(PORT_SETTINGS, "many")) as command:
        assert command.wait() == 2
        for name in PORT_SETTINGS:
            assert f"{name} is 'many'" in command.output
