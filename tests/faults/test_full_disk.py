"""The database's disk is full: calls fail, health shows it, and both recover when there is room again."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc
import psycopg
import pytest
from challenge.v1 import event_service_pb2 as rpc
from challenge.v1.challenge_service_pb2 import InitializePlayerRequest
from psycopg import sql

from devstack.postgres import EmbeddedPostgres
from shared.postgres.schema import migrate
from tests.catalogue.documents import loaded, write_json
from tests.support.busy_machine import BUSY_MACHINE_S
from tests.support.event_callers import calling
from tests.support.event_messages import stat
from tests.support.oracle import DOCUMENT, Oracle
from tests.support.refusals import refusal
from tests.support.service_process import ServiceProcess
from tests.support.services import ManualClock, challenge_service
from tests.support.waiting import wait_until

DISK = "64m"
SHOWN_WITHIN_S = 5.0
HEALED_WITHIN_S = 5.0
EVENTS_BEFORE = 500
EVENTS_IN_ONE_CALL = 1_000


class SmallDisk:
    """A file system that can be filled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Fill the file system completely."""
        with self._filler.open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(4_096))
            except OSError:
                return

    def make_room(self) -> None:
        self._filler.unlink()


@pytest.fixture
def disk(server_folder: Path) -> Iterator[SmallDisk]:
    """Yield a small file system in memory; skip the test where mounting is not permitted."""
    folder = server_folder / "small-disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a small file system, and not everywhere")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607 - wherever the system has it


@pytest.fixture
def database_url(own_postgres: EmbeddedPostgres, disk: SmallDisk) -> Iterator[str]:
    """Yield a migrated database whose tables lie on the small disk."""
    space = disk.folder / "tables"
    space.mkdir()
    owner = own_postgres.data.stat()
    shutil.chown(space, owner.st_uid, owner.st_gid)
    with psycopg.connect(own_postgres.url, autocommit=True) as administrator:
        administrator.execute(sql.SQL("CREATE TABLESPACE small LOCATION {}").format(str(space)))
        administrator.execute("CREATE DATABASE small TABLESPACE small")
        url = own_postgres.url.rpartition("/")[0] + "/small"
        migrate(url)
        yield url
        administrator.execute("DROP DATABASE small WITH (FORCE)")


@pytest.mark.slow
def test_a_full_disk_is_unavailable_and_not_serving_until_there_is_room(
    database_url: str, disk: SmallDisk, tmp_path: Path
) -> None:
    catalogue = str(write_json(tmp_path / "catalogue.json", DOCUMENT))
    oracle = Oracle(time.time_ns() // 1_000, seed=7)
    with ExitStack() as started:
        challenges, events = (
            started.enter_context(ServiceProcess(module, database_url, CATALOGUE=catalogue))
            for module in ("challenge_service", "event_handler")
        )
        for service in (challenges, events):
            service.wait_until_serving()
        with calling(oracle, [events.events]):
            oracle.wait_for_acknowledged(EVENTS_BEFORE)
            disk.fill()
            oracle.wait_for_failed_calls(1)
            full = time.monotonic()
            wait_until(lambda: events.health() == "NOT_SERVING", SHOWN_WITHIN_S + BUSY_MACHINE_S)
            shown_s = time.monotonic() - full
            refused = refusal(lambda: report_many(events))
            assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")
            assert refused.retry_after_s
            oracle.wait_for_failed_calls(20)
            assert events.health() == "NOT_SERVING"

            disk.make_room()
            room = time.monotonic()
            oracle.wait_for_acknowledged(EVENTS_BEFORE)
            wait_until(lambda: events.health() == "SERVING", HEALED_WITHIN_S + BUSY_MACHINE_S)
            healed_s = time.monotonic() - room
        challenges.wait_until_serving()
        assert challenges.challenges.InitializePlayer(InitializePlayerRequest(user_id="player")).created
        assert [service.stop() for service in (challenges, events)] == [0, 0]
    with challenge_service(database_url, loaded(DOCUMENT), clock=ManualClock()) as reader:
        judgement = oracle.judge(reader)
    print(f"\nfull disk: {judgement}; shown after {shown_s:.1f} s, healed after {healed_s:.1f} s")  # noqa: T201
    judgement.assert_right()


def report_many(events: ServiceProcess) -> None:
    """Report the events of more players than the pages that the tables have already could have room for.

    A single one may well be stored on a full disk: where a batch was rolled back, there is room again.
    """
    now = time.time_ns() // 1_000
    many = [stat("points", f"somebody-{number}", delta=1, at=now) for number in range(EVENTS_IN_ONE_CALL)]
    events.events.ReportEvents(rpc.ReportEventsRequest(events=many), timeout=5)
