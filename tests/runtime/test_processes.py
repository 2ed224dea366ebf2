"""A service that runs in one process: how it starts, refuses to start, and ends."""

from __future__ import annotations

import signal
import socket

import pytest

from tests.runtime.processes import is_serving, metrics_at, samples, started
from tests.support.unstalled_clock import unstalled_s
from tests.support.waiting import wait_until


def test_a_service_serves_until_sigterm_and_then_stops_in_order() -> None:
    with started() as service:
        port = service.wait_for("serving")["port"]
        service.wait_for("started")
        wait_until(lambda: is_serving(port))
        service.process.terminate()
        assert service.wait() == 0
    assert [line["step"] for line in service.logged("part stopped")] == [
        "health",
        "watches",
        "streams",
        "calls",
        "probe",
    ]
    assert service.other_lines == []


def test_ctrl_c_stops_a_service() -> None:
    with started() as service:
        service.wait_for("started")
        service.process.send_signal(signal.SIGINT)
        assert service.wait() == 0


def test_sighup_requests_a_reload_and_does_not_stop_the_service() -> None:
    with started() as service:
        service.wait_for("started")
        for count in (1, 2):
            service.process.send_signal(signal.SIGHUP)
            service.wait_for("reload requested", count)
        service.process.terminate()
        assert service.wait() == 0


def test_a_second_signal_kills_the_service() -> None:
    with started(TINY_MISHAP="hang at stop") as service:
        service.wait_for("started")
        service.process.terminate()
        wait_until(lambda: service.logged("part stopped", step="probe"))
        asked = unstalled_s()
        service.process.terminate()
        assert service.wait() == -signal.SIGTERM
        assert unstalled_s() - asked < 2


def test_log_lines_are_json_with_time_level_logger_message_and_process() -> None:
    with started() as service:
        line = service.wait_for("serving")
    assert {"time", "level", "logger", "message", "pid", "port"} == set(line)
    assert (line["level"], line["logger"], line["pid"]) == ("INFO", "shared.rpc.server", service.process.pid)


def test_metrics_are_served_as_prometheus_text() -> None:
    with started() as service:
        port = service.wait_for("started")["metrics_port"]
        wait_until(lambda: samples(metrics_at(port), "duty_passes_total").get('{duty="probe",outcome="done"}', 0) > 0)


@pytest.mark.parametrize("setting", ["TINY_PORT", "TINY_METRICS_PORT"])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_busy_port_is_reported_with_its_setting(setting: str, workers: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with started("--workers", workers, **{setting: str(port)}) as service:
            assert service.wait() == 2
    assert service.other_lines == [f"port {port} is in use: set {setting}\n"]


def test_a_second_service_on_the_port_of_a_first_is_refused() -> None:
    with started("--workers", "2") as first:
        port = first.wait_for("started workers")["port"]
        with started("--workers", "2", TINY_PORT=str(port)) as second:
            assert second.wait() == 2
    assert second.other_lines == [f"port {port} is in use: set TINY_PORT\n"]


def test_an_address_of_another_machine_is_refused_with_the_setting() -> None:
    with started(BIND_ADDRESS="192.0.2.1") as service:
        assert service.wait() == 2
    assert service.other_lines[0].endswith(": set BIND_ADDRESS\n")


def test_a_refused_start_prints_one_sentence_and_exits_with_2() -> None:
    with started(TINY_MISHAP="refuse to start") as service:
        assert service.wait() == 2
    assert service.other_lines == ["there is no catalogue: set CATALOGUE\n"]


def test_an_uncaught_exception_at_the_start_is_logged() -> None:
    with started(TINY_MISHAP="bug at start") as service:
        assert service.wait() == 1
    assert service.wait_for("uncaught")["exception"].endswith("RuntimeError: a bug")
    assert service.other_lines == []


def test_invalid_settings_are_listed_together() -> None:
    with started(TINY_PORT="lots", GRACE_S="-1", LOG_LEVEL="LOUD") as service:
        assert service.wait() == 2
    assert len(service.other_lines) == 3
