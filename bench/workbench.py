"""Databases, servers and load for every table."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from bench.calibration import calibrate
from bench.database import Databases
from bench.events import Play
from bench.figures import quotient
from bench.load import POSTGRES, SERVER, Run
from bench.machine import Cores, pin
from bench.players import give_history, player_ids
from bench.scale import Scale
from bench.services import ROOT, ServerProcess, empty_handler, environment
from devstack.valkey import EmbeddedValkey
from load_generator.plan import ClosedLoop, Manner, OpenLoop, Plan, RunLength
from load_generator.run import play
from shared.catalogue.loader import load
from shared.catalogue.yaml_document import parse_yaml
from shared.domain.catalogue import Catalogue
from shared.runtime.clock import system_clock

A = TypeVar("A")
B = TypeVar("B")

LOAD_CATALOGUE = ROOT / "catalogues" / "load.yaml"
REDIS_MEMORY = "2gb"
"""A ranking of a million players takes some hundred megabytes."""
PLAIN = Manner()
"""Plaintext, and no credential."""
SEED = 20_240_229
"""The game is the same in every report."""


@dataclass(frozen=True)
class Setup:
    """The start of a measurement: a database, the catalogue of services on it, and the game that goes on from there."""

    url: str
    catalogue: Catalogue
    catalogue_path: Path
    play: Play


class Workbench:
    """Databases, servers and load on this machine; the server under test has a core of its own (`bench.machine`)."""

    def __init__(self, scale: Scale, directory: Path, databases: Databases, say: Callable[[str], None]) -> None:
        """Take `directory` for scratch files, and `say` to report progress."""
        self.scale = scale
        self.directory = directory
        self.cores = Cores.of_this_machine()
        self.say = say
        self._runs: list[Run] = []
        self._databases = databases
        self._seeded: tuple[str, Play] | None = None
        pin(databases.pid, self.cores.others)

    @contextmanager
    def setup(self) -> Iterator[Setup]:
        """Yield a fresh copy of the players with history, and the game at that point."""
        catalogue = load(LOAD_CATALOGUE)
        if self._seeded is None:
            self.say(f"giving {self.scale.players:,} players a history")
            url = self._databases.migrated()
            play = Play(player_ids(self.scale.players), SEED)
            give_history(url, catalogue, play, system_clock())
            self._seeded = url, play
        url, begun = self._seeded
        with self._databases.copy_of(url) as copy:
            yield Setup(copy, catalogue, LOAD_CATALOGUE, Play(begun.players, SEED + 1, begun.values))

    def empty_setup(self, catalogue_path: Path = LOAD_CATALOGUE) -> Setup:
        """Return a new database with all migrations and no rows."""
        return Setup(self._databases.migrated(), load(catalogue_path), catalogue_path, Play([], SEED))

    def changed(self, setup: Setup, name: str, change: Callable[[Any], object]) -> Setup:
        """Return the same with another catalogue: `change` modifies the parsed document of the present one."""
        document = parse_yaml(setup.catalogue_path.read_text(encoding="utf-8")).value
        change(document)
        path = self.directory / f"{name}.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        return replace(setup, catalogue=load(path), catalogue_path=path)

    @contextmanager
    def redis(self) -> Iterator[str]:
        """Yield the URL of an empty Valkey, on the other cores."""
        with EmbeddedValkey(self.directory / "valkey", memory_max=REDIS_MEMORY) as valkey:
            if valkey.pid is not None:
                pin(valkey.pid, self.cores.others)
            yield valkey.url

    @contextmanager
    def running(self, server: ServerProcess, cores: tuple[int, ...] | None = None) -> Iterator[ServerProcess]:
        """Yield a running server, on these cores or else on the server's core."""
        try:
            server.serve()
            pin(server.running_pid, cores or self.cores.server)
            yield server
        finally:
            server.stop()

    @contextmanager
    def service(self, module: str, setup: Setup, **settings: str) -> Iterator[ServerProcess]:
        """Yield a running service at its defaults, but for addresses, the catalogue and `settings`."""
        env = environment(module, setup.url, CATALOGUE=str(setup.catalogue_path), **settings)
        with self.running(ServerProcess(module, env=env)) as server:
            yield server

    def play_at(
        self,
        server: ServerProcess,
        method: str,
        requests: Iterable[bytes],
        rate: float,
        *,
        repeat: bool = False,
        keep_every: int = 0,
        writes: str = "",
    ) -> Run:
        """Play requests of one method at a fixed rate in calls per second, then again against the empty handler.

        `writes` names the statement that writes the rows of a call; see `bench.empty`.
        """
        self.say(f"{method.rpartition('/')[2]} at {rate:g}/s")
        some = list(requests if repeat else islice(requests, calls_for(self.scale.long_run, rate)))
        run = self.play(server, method, some, OpenLoop(rate=rate), repeat=repeat, keep_every=keep_every)
        self.play_floor(run, server, method, some, OpenLoop(rate=rate), writes)
        return run

    def play_floor(
        self,
        run: Run,
        server: ServerProcess,
        method: str,
        requests: Iterable[bytes],
        pace: OpenLoop | ClosedLoop,
        writes: str = "",
    ) -> None:
        """Play the requests of a run again to measure its floor."""
        url = self._databases.migrated() if writes else ""
        with self.running(empty_handler(run.response_bytes, server.name, writes=writes, url=url)) as empty:
            run.floor = self.play(empty, method, requests, pace, repeat=True)

    def play(
        self,
        server: ServerProcess,
        method: str,
        requests: Iterable[bytes],
        pace: OpenLoop | ClosedLoop,
        length: RunLength | None = None,
        *,
        repeat: bool = False,
        keep_every: int = 0,
        manner: Manner = PLAIN,
    ) -> Run:
        """Play requests of one method against a server; see `Plan`."""
        before = server.round_trips
        run = self.play_mix(
            {SERVER: server},
            [(0, method)],
            ((0, request) for request in requests),
            pace,
            length or self.scale.long_run,
            repeat=repeat,
            keep_every=[keep_every],
            manner=manner,
        )
        run.round_trips = quotient(server.round_trips - before, len(run.played.codes))
        return run

    def play_mix(
        self,
        servers: Mapping[str, ServerProcess],
        methods: Sequence[tuple[int, str]],
        requests: Iterable[tuple[int, bytes]],
        pace: OpenLoop | ClosedLoop,
        length: RunLength,
        *,
        repeat: bool = False,
        keep_every: Sequence[int],
        manner: Manner = PLAIN,
    ) -> Run:
        """Play requests of several methods against several servers; see `Plan`.

        The CPU time of each server is recorded under its name.
        """
        plan = Plan(
            ports=[server.port for server in servers.values()],
            methods=methods,
            requests=list(requests),
            pace=pace,
            length=length,
            repeat=repeat,
            processes={**{name: server.running_pid for name, server in servers.items()}, POSTGRES: self.postgres_pid},
            manner=manner,
            keep_every=keep_every,
        )
        with self.on(self.cores.others):
            run = Run(play(plan))
        self._runs.append(run)
        return run

    @property
    def postgres_pid(self) -> int:
        """The process id of Postgres' postmaster, the parent of all its other processes."""
        return self._databases.pid

    def calibrate(self, empty: ServerProcess) -> Mapping[str, float]:
        """Return the times of fixed pieces of work; see `bench.calibration`."""
        with self.on(self.cores.server):
            return calibrate(self.directory, empty)

    @contextmanager
    def on(self, cores: tuple[int, ...]) -> Iterator[None]:
        """Run this thread on these cores."""
        os.sched_setaffinity(0, cores)
        try:
            yield
        finally:
            os.sched_setaffinity(0, self.cores.every)

    def take_runs(self) -> list[Run]:
        """Return all runs since the last call."""
        runs, self._runs = self._runs, []
        return runs

    def alternating(self, label: str, first: Callable[[], A], second: Callable[[], B]) -> list[tuple[A, B]]:
        """Measure two things alternately over several rounds, so that a disturbance affects both."""
        return [(first(), second()) for _ in self.rounds(label, self.scale.rounds)]

    def rounds(self, label: str, count: int) -> Iterator[int]:
        """Yield 1 to `count`, and report each round."""
        for number in range(1, count + 1):
            self.say(f"{label}: round {number} of {count}")
            yield number


def calls_for(length: RunLength, rate: float) -> int:
    """Return the greatest number of calls a run at this rate can make."""
    return int(rate * (length.warm_up_s + length.measured_s)) + 1
