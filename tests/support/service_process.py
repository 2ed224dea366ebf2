"""A service as a process that tests start, kill and restart, and observe through its log and health."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import grpc
import pytest
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub
from challenge.v1.event_service_pb2_grpc import EventServiceStub
from challenge.v1.leaderboard_service_pb2_grpc import LeaderboardServiceStub
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from devstack.output import Lines
from devstack.ports import LOOPBACK
from devstack.process import Child
from tests.support.imported_child import ImportedChild
from tests.support.imported_programs import Ended, run_imported
from tests.support.reserved_port import ReservedPort
from tests.support.services import CHANNEL_OPTIONS
from tests.support.waiting import wait_until

PROJECT = Path(__file__).parents[2]
DEMO = PROJECT / "catalogues" / "demo.yaml"

SERVING_S = 60.0
"""Seconds for a service to start: 2 on an idle machine, many more on a busy one."""
STOP_S = 15.0
PREFIXES = {"challenge_service": "CHALLENGE", "event_handler": "EVENT"}
EITHER_SERVICE = ("event_handler", pytest.param("challenge_service", marks=pytest.mark.slow))
"""The modules of both services, for tests of what they share and that start processes more than once."""
"""Prefixes of the settings of the services that have a contract."""
_ALL_PREFIXES = {**PREFIXES, "reward_dispatcher": "DISPATCHER", "event_source": "SOURCE"}
HEALTH_TIMEOUT_S = 5.0


class ServiceProcess:
    """`python -m MODULE` on a free port that stays the same across restarts.

    It runs in a copy of a process that has imported the module; its workers are started by itself, as always.
    """

    def __init__(self, module: str, database_url: str, *arguments: str, **environ: str) -> None:
        """Configure the process; `environ` overrides the default settings of tests."""
        prefix = _ALL_PREFIXES[module]
        self._own_port = ReservedPort()
        self.port = int(environ.get(f"{prefix}_PORT", self._own_port.number))
        self.logs: list[dict[str, Any]] = []
        """The log lines of all runs."""
        self.other_lines: list[str] = []
        """Output that is not a log line."""
        settings = {
            "DATABASE_URL": database_url,
            "REDIS_URL": "",
            "CATALOGUE": str(DEMO),
            f"{prefix}_PORT": str(self.port),
            f"{prefix}_METRICS_PORT": "0",
        }
        self._child = self._child_of(module, arguments, {**os.environ, **settings, **environ})
        self._channel: grpc.Channel | None = None

    def start(self) -> None:
        """Start the process; `wait_until_serving` waits until it accepts calls."""
        self._child.start()

    def kill(self) -> None:
        """Kill the process and its workers, like a crash."""
        self._child.kill()

    def stop(self, within_s: float = STOP_S) -> int:
        """Ask the process to stop, and return its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(within_s)

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        os.kill(self.pid, number)

    def wait(self, within_s: float = STOP_S) -> int:
        """Wait until the process has ended, and return its exit code."""
        wait_until(lambda: not self._child.is_running, within_s)
        self._child.tail()
        assert self._child.exit_status is not None
        return self._child.exit_status

    @property
    def pid(self) -> int:
        """The process id of the current run."""
        assert self._child.pid is not None
        return self._child.pid

    @property
    def is_running(self) -> bool:
        """True while the process runs."""
        return self._child.is_running

    def logged(self, message: str) -> list[dict[str, Any]]:
        """Return the log lines so far with this message."""
        return [line for line in list(self.logs) if line["message"] == message]

    def troubles(self) -> list[dict[str, Any]]:
        """Return the warnings and errors in the log so far, for the message of an assertion."""
        return [line for line in list(self.logs) if line["level"] != "INFO"]

    def wait_for(self, message: str, count: int = 1) -> dict[str, Any]:
        """Wait until the message was logged `count` times in total, and return the last line."""
        return wait_until(lambda: self.logged(message)[count - 1 : count], SERVING_S)[0]

    def health(self, name: str = "") -> str:
        """Return the health status of a name; `UNREACHABLE` if the call fails."""
        check = self.channel.unary_unary(
            "/grpc.health.v1.Health/Check", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
        )
        try:
            response = check(HealthCheckRequest(service=name), timeout=HEALTH_TIMEOUT_S)
        except grpc.RpcError:
            return "UNREACHABLE"
        return HealthCheckResponse.ServingStatus.Name(response.status)

    def wait_until_serving(self) -> None:
        """Wait until the process accepts calls; fail with its output if it ends before."""
        wait_until(lambda: self.health() == "SERVING" or not self.is_running, SERVING_S)
        assert self.is_running, self._child.tail()

    @property
    def channel(self) -> grpc.Channel:
        """A caller's channel, which reconnects when the process is restarted."""
        if self._channel is None:
            self._channel = grpc.insecure_channel(f"{LOOPBACK}:{self.port}", options=CHANNEL_OPTIONS)
        return self._channel

    @property
    def challenges(self) -> ChallengeServiceStub:
        """The stub of a challenge service."""
        return ChallengeServiceStub(self.channel)

    @property
    def leaderboards(self) -> LeaderboardServiceStub:
        """The stub of a challenge service's leaderboards."""
        return LeaderboardServiceStub(self.channel)

    @property
    def events(self) -> EventServiceStub:
        """The stub of an event handler."""
        return EventServiceStub(self.channel)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._channel is not None:
            self._channel.close()
        self.kill()
        # Workers of a killed parent end by themselves, and the output ends with the last of them.
        self._child.tail()
        self._own_port.close()

    def _child_of(self, module: str, arguments: Sequence[str], environ: Mapping[str, str]) -> Child | ImportedChild:
        """Return the process that runs the service."""
        return ImportedChild(module, arguments, output=Lines(self._note), env=environ)

    def _note(self, line: str) -> None:
        try:
            self.logs.append(json.loads(line))
        except json.JSONDecodeError:
            self.other_lines.append(line)


class WrongClockProcess(ServiceProcess):
    """A service whose wall clock is ahead, or behind if `ahead_s` is negative; by what a file says, if one is given."""

    def __init__(self, ahead_s: int | Path, module: str, database_url: str, **environ: str) -> None:
        self._ahead_s = ahead_s
        super().__init__(module, database_url, **environ)

    def _child_of(self, module: str, arguments: Sequence[str], environ: Mapping[str, str]) -> Child | ImportedChild:
        further = [module, str(self._ahead_s), *arguments]
        program = "tests.support.shifted_service"
        return ImportedChild(module, further, output=Lines(self._note), env=environ, program=program)


class CopiedProcess(ServiceProcess):
    """A service of a copy of the code with the generated code in it: an earlier release, or what an image holds."""

    def __init__(self, folder: Path, module: str, database_url: str, **environ: str) -> None:
        self._copy = folder
        super().__init__(module, database_url, PYTHONPATH=python_path(folder), **environ)

    def _child_of(self, module: str, arguments: Sequence[str], environ: Mapping[str, str]) -> Child | ImportedChild:
        command = [sys.executable, "-m", module, *arguments]
        output = Lines(self._note)
        return Child(module, command, output=output, env=environ, cwd=self._copy, grace_s=STOP_S)


def python_path(folder: Path) -> str:
    """Return the search path for a copy of the code."""
    return os.pathsep.join(map(str, (folder, folder / "generated")))


@contextmanager
def serving(module: str, database_url: str, *arguments: str, **environ: str) -> Iterator[ServiceProcess]:
    """Start a service and wait until it serves; kill it at the end if it still runs."""
    with ServiceProcess(module, database_url, *arguments, **environ) as service:
        service.wait_until_serving()
        yield service


def run_to_the_end(module: str, *arguments: str, **environ: str) -> Ended:
    """Run a service that ends by itself, with only these settings."""
    return run_imported(module, arguments, {**_without_settings(), **environ})


def _without_settings() -> dict[str, str]:
    settings = ("DATABASE_URL", "REDIS_URL", "CATALOGUE")
    return {name: value for name, value in os.environ.items() if name not in settings}
