"""A service that runs as several processes on one port."""

from __future__ import annotations

import os
import resource
import signal

import pytest

from shared.runtime.workers import FAILURES_MAX, YOUNG_S, Restarts
from tests.runtime.processes import ServiceProcess, is_serving, metrics_at, samples, started
from tests.support.busy_machine import LATE_S
from tests.support.unstalled_clock import unstalled_s
from tests.support.waiting import wait_until


def workers_of(service: ServiceProcess) -> dict[int, int]:
    """Return the processes that logged that they serve, by worker index; the last one counts."""
    return {line["worker"]: line["pid"] for line in service.logged("serving")}


def test_all_workers_serve_on_one_port_and_stop_together() -> None:
    with started("--workers", "2") as service:
        port = service.wait_for("started workers")["port"]
        wait_until(lambda: len(workers_of(service)) == 2)
        assert {line["port"] for line in service.logged("serving")} == {port}
        wait_until(lambda: is_serving(port))
        service.process.terminate()
        assert service.wait() == 0
    assert len(service.logged("part stopped", step="calls")) == 2


def test_a_worker_that_is_killed_is_replaced_at_once() -> None:
    with started("--workers", "2") as service:
        service.wait_for("started", count=2)
        victim = workers_of(service)[1]
        os.kill(victim, signal.SIGKILL)
        killed = unstalled_s()
        replaced = service.wait_for("a worker died and is replaced")
        assert unstalled_s() - killed < LATE_S
        assert (replaced["exited_worker"], replaced["exit_code"], replaced["delay_s"]) == (1, -signal.SIGKILL, 0)
        wait_until(lambda: workers_of(service)[1] != victim)


@pytest.mark.slow
def test_a_worker_is_replaced_if_the_standby_process_is_gone() -> None:
    with started("--workers", "2") as service:
        victims = [service.wait_for("standing by to replace a worker")["pid"], workers_of(service)[1]]
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        wait_until(lambda: workers_of(service)[1] not in victims)
        # A new process stands by afterwards.
        service.wait_for("standing by to replace a worker", count=2)
        service.process.terminate()
        assert service.wait() == 0


@pytest.mark.slow
def test_a_worker_that_keeps_dying_ends_the_service() -> None:
    with started("--workers", "1", TINY_MISHAP="crash at start") as alone:
        assert alone.wait() == 70
    with started("--workers", "2", TINY_MISHAP="crash at start") as service:
        assert service.wait() == 1
    assert service.wait_for("giving up: worker keeps failing to start")["exit_code"] == 70
    assert len(service.logged("a worker died and is replaced")) >= FAILURES_MAX - 1


def test_a_worker_that_refuses_to_start_ends_the_service_with_its_message() -> None:
    with started("--workers", "2", TINY_MISHAP="refuse to start") as service:
        assert service.wait() == 2
    assert "there is no catalogue: set CATALOGUE\n" in service.other_lines


@pytest.mark.slow
def test_a_failed_process_start_is_retried_and_the_service_continues() -> None:
    with started("--workers", "2") as service:
        service.wait_for("standing by to replace a worker")
        parent = service.process.pid
        limits = resource.prlimit(parent, resource.RLIMIT_NOFILE)
        # No file descriptors are left for a standby process or a worker.
        resource.prlimit(parent, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{parent}/fd")), limits[1]))
        os.kill(workers_of(service)[0], signal.SIGKILL)
        service.wait_for("cannot start a process")
        resource.prlimit(parent, resource.RLIMIT_NOFILE, limits)
        os.kill(workers_of(service)[1], signal.SIGKILL)
        service.wait_for("started", count=4)
        service.process.terminate()
        assert service.wait() == 0


def test_workers_stop_when_their_parent_is_killed() -> None:
    with started("--workers", "2") as service:
        service.wait_for("started", count=2)
        service.process.kill()
        service.wait()
    assert len(service.logged("part stopped", step="calls")) == 2


def test_workers_whose_start_hangs_end_when_their_parent_is_killed() -> None:
    with started("--workers", "2", TINY_MISHAP="hang at start") as service:
        service.wait_for("hanging", count=2)
        service.process.kill()
        service.wait()


def test_a_second_signal_kills_the_workers_too() -> None:
    with started("--workers", "2", TINY_MISHAP="hang at stop") as service:
        service.wait_for("started", count=2)
        service.process.terminate()
        wait_until(lambda: len(service.logged("part stopped", step="probe")) == 2)
        service.process.terminate()
        assert service.wait() == -signal.SIGTERM


@pytest.mark.slow
def test_a_signal_to_all_processes_at_once_stops_them_in_order() -> None:
    with started("--workers", "2") as service:
        service.wait_for("started", count=2)
        workers = set(workers_of(service).values())
        for pid in (service.process.pid, *workers):
            os.kill(pid, signal.SIGTERM)
        assert service.wait() == 0
    assert workers <= {line["pid"] for line in service.logged("part stopped", step="calls")}


def test_a_reload_reaches_all_workers_and_stops_none() -> None:
    with started("--workers", "2") as service:
        service.wait_for("started", count=2)
        before = workers_of(service)
        service.process.send_signal(signal.SIGHUP)
        wait_until(lambda: {line["worker"] for line in service.logged("reload requested")} == {0, 1})
        service.process.terminate()
        assert service.wait() == 0
    assert workers_of(service) == before


@pytest.mark.slow
def test_a_reload_during_the_start_of_a_worker_does_not_stop_it() -> None:
    with started("--workers", "2") as service:
        service.wait_for("started workers")
        for _ in range(5):
            service.process.send_signal(signal.SIGHUP)
        service.wait_for("started", count=2)
        service.process.terminate()
        assert service.wait() == 0
    assert not service.logged("a worker died and is replaced")


def test_one_metrics_port_shows_all_workers() -> None:
    with started("--workers", "2") as service:
        port = service.wait_for("started workers")["metrics_port"]
        both = {'{worker="0"}': 1.0, '{worker="1"}': 1.0}
        wait_until(lambda: samples(metrics_at(port), "worker_up") == both)
        text = metrics_at(port)
        passes = samples(text, "duty_passes_total")
        assert {'{duty="probe",outcome="done",worker="0"}', '{duty="probe",outcome="done",worker="1"}'} <= set(passes)
        types = [line for line in text.splitlines() if line.startswith("# TYPE")]
        assert len(types) == len(set(types))


def test_restarts_are_counted() -> None:
    with started("--workers", "2") as service:
        port = service.wait_for("started workers")["metrics_port"]
        service.wait_for("started", count=2)
        os.kill(workers_of(service)[0], signal.SIGKILL)
        wait_until(
            lambda: samples(metrics_at(port), "worker_restarts_total") == {'{worker="0"}': 1.0, '{worker="1"}': 0.0}
        )


def test_restarts_back_off_and_then_give_up() -> None:
    restarts = Restarts()
    assert [restarts.delay_after(0.1) for _ in range(FAILURES_MAX)] == [0.0, 0.1, 0.2, 0.4, None]


def test_a_worker_that_ran_for_a_while_is_restarted_at_once() -> None:
    restarts = Restarts()
    for _ in range(FAILURES_MAX - 1):
        restarts.delay_after(0.1)
    assert restarts.delay_after(YOUNG_S) == 0.0
    assert restarts.delay_after(0.1) == pytest.approx(0.0)
