"""Services whose catalogue changes on disk while they run, or before they start again."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import grpc
import pytest
from challenge.v1.challenge_service_pb2 import ListChallengesRequest
from challenge.v1.event_service_pb2 import ReportEventRequest

from shared.catalogue.loader import load
from tests.catalogue.documents import Mapping, document, goal, write_json
from tests.runtime.processes import metrics_at, samples
from tests.support.event_messages import login
from tests.support.refusals import refusal
from tests.support.service_process import EITHER_SERVICE, ServiceProcess, serving
from tests.support.waiting import wait_until

FIRST = document(goal("win", target=3))
SECOND = document(goal("win", target=4))
INVALID: Mapping = {"challenges": []}
INCOMPATIBLE = document(goal("win", count="highest"))

both_services = pytest.mark.parametrize("module", EITHER_SERVICE)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_json(tmp_path / "catalogue.json", FIRST)


def metric(service: ServiceProcess, name: str) -> dict[str, float]:
    """Return the samples of a metric from the service, or from the parent of its workers."""
    about = (service.logged("started workers") or [service.wait_for("started")])[0]
    return dict(samples(metrics_at(about["metrics_port"]), name))


def info(file: Path, *workers: int) -> dict[str, float]:
    """Return the catalogue metric of workers that all use the catalogue in the file."""
    version = f'version="{load(file).version}"'
    return {f'{{{version},worker="{worker}"}}': 1.0 for worker in workers} or {f"{{{version}}}": 1.0}


def call(service: ServiceProcess, module: str) -> None:
    """Make a call that needs a catalogue."""
    if module == "event_handler":
        service.events.ReportEvent(ReportEventRequest(event=login(at=time.time_ns() // 1_000)), timeout=60)
    else:
        service.challenges.ListChallenges(ListChallengesRequest(user_id="player"), timeout=60)


@both_services
def test_a_changed_catalogue_is_loaded_and_an_invalid_one_is_reported_and_ignored(
    module: str, file: Path, database_url: str
) -> None:
    with serving(module, database_url, CATALOGUE=str(file)) as service:
        first = info(file)
        assert metric(service, "catalogue_info") == first
        [since] = metric(service, "catalogue_loaded_timestamp_seconds").values()
        assert 0 <= time.time() - since < 60

        write_json(file, SECOND)
        second = info(file)
        wait_until(lambda: metric(service, "catalogue_info") == second)
        assert metric(service, "catalogue_loaded_timestamp_seconds")[""] > since

        for bad in (INVALID, INCOMPATIBLE):
            write_json(file, bad)
            service.signal(signal.SIGHUP)
            wait_until(lambda: metric(service, "catalogue_refused") == {"": 1.0})
            assert metric(service, "catalogue_info") == second
            assert service.health() == "SERVING"
            call(service, module)
            write_json(file, SECOND)
            service.signal(signal.SIGHUP)
            wait_until(lambda: metric(service, "catalogue_refused") == {"": 0.0})
        assert metric(service, "catalogue_info") == second
        assert service.stop() == 0


@pytest.mark.slow
def test_a_signal_to_the_parent_reloads_all_workers_even_if_the_file_looks_unchanged(
    file: Path, database_url: str
) -> None:
    with serving("challenge_service", database_url, "--workers", "2", CATALOGUE=str(file)) as service:
        service.wait_for("started", count=2)
        assert metric(service, "catalogue_info") == info(file, 0, 1)
        before = file.stat()
        write_json(file, SECOND)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert file.stat().st_size == before.st_size
        service.signal(signal.SIGHUP)
        wait_until(lambda: metric(service, "catalogue_info") == info(file, 0, 1))
        assert service.stop() == 0


@both_services
def test_a_service_restarted_with_an_incompatible_catalogue_serves_once_it_is_corrected(
    module: str, file: Path, database_url: str
) -> None:
    with serving(module, database_url, CATALOGUE=str(file)) as service:
        assert service.stop() == 0
    write_json(file, INCOMPATIBLE)
    with ServiceProcess(module, database_url, CATALOGUE=str(file)) as service:
        failing = wait_until(
            lambda: [line for line in service.logged("probe failing") if line["probe"] == "catalogue"]
        )[-1]
        assert "goal 'win': count changes from sum to highest" in failing["reason"]
        wait_until(lambda: service.health() == "NOT_SERVING")
        wait_until(lambda: service.health("database") == "SERVING")
        assert service.health("catalogue") == "NOT_SERVING"
        assert (metric(service, "catalogue_info"), metric(service, "catalogue_refused")) == ({}, {"": 1.0})
        refused = refusal(lambda: call(service, module))
        assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "CATALOGUE_UNAVAILABLE")
        assert refused.retry_after_s

        write_json(file, SECOND)
        service.wait_until_serving()
        call(service, module)
        assert service.stop() == 0


@pytest.mark.slow
def test_workers_with_a_refused_catalogue_do_not_listen(file: Path, database_url: str) -> None:
    with serving("challenge_service", database_url, CATALOGUE=str(file)):
        pass
    write_json(file, INCOMPATIBLE)
    with ServiceProcess("challenge_service", database_url, "--workers", "2", CATALOGUE=str(file)) as service:
        assert service.wait() == 2
    assert not service.logged("serving")
    assert any("goal 'win': count changes from sum to highest" in line for line in service.other_lines)


@pytest.mark.slow
@pytest.mark.parametrize("bad", [INVALID, INCOMPATIBLE], ids=["invalid", "incompatible"])
def test_a_worker_that_dies_while_the_catalogue_is_bad_returns_once_it_is_corrected(
    file: Path, database_url: str, bad: Mapping
) -> None:
    with serving("challenge_service", database_url, "--workers", "2", CATALOGUE=str(file)) as service:
        service.wait_for("started", count=2)
        write_json(file, bad)
        victim = next(line for line in service.logged("serving") if line["worker"] == 0)
        os.kill(victim["pid"], signal.SIGKILL)
        died = service.wait_for("a worker died and is replaced", count=2)
        assert (died["exited_worker"], died["exit_code"]) == (0, 2)
        assert metric(service, "worker_up") == {'{worker="0"}': 0.0, '{worker="1"}': 1.0}
        wait_until(lambda: service.health() == "SERVING")
        call(service, "challenge_service")

        write_json(file, SECOND)
        wait_until(lambda: metric(service, "catalogue_info") == info(file, 0, 1))
        assert service.stop() == 0
