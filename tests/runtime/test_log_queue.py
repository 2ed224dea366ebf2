"""Logging never waits for the reader of the log."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import pytest

from shared.runtime.logs import FLUSH_S, JsonFormatter, LogQueue, RateLimit
from tests.runtime.processes import is_serving, metrics_at, samples
from tests.support.busy_machine import BUSY_MACHINE_S, LATE_S
from tests.support.unstalled_clock import unstalled_s
from tests.support.waiting import wait_until

BUFFER_BYTES = 20_000
PIPE_LINES_MAX = 5_000
"""More lines than fit into a pipe (64 KiB) and the buffer together."""
SMALL_PIPE_BYTES = 4_096
"""Less than the buffer."""


@contextmanager
def queue_into_a_pipe(pipe_bytes: int | None = None) -> Iterator[tuple[LogQueue, IO[bytes]]]:
    """Yield a queue and the end of the pipe that it writes to."""
    read_end, write_end = os.pipe()
    if pipe_bytes is not None:
        fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, pipe_bytes)
    queue = LogQueue(write_end, BUFFER_BYTES)
    queue.setFormatter(JsonFormatter(worker=None, personal=False))
    with open(read_end, "rb") as reader:
        yield queue, reader
    # Without a reader everything is written at once.
    queue.close()
    os.close(write_end)


def record(number: int, message: str = "line %d") -> logging.LogRecord:
    return logging.LogRecord("example", logging.INFO, __file__, 1, message, (number,), None)


def test_lines_arrive_complete_and_in_order() -> None:
    with queue_into_a_pipe() as (queue, reader):
        for number in range(100):
            queue.emit(record(number))
        queue.flush()
        lines = [json.loads(reader.readline())["message"] for _ in range(100)]
        assert lines == [f"line {number}" for number in range(100)]


def test_lines_beyond_the_buffer_are_dropped_counted_and_reported() -> None:
    with queue_into_a_pipe() as (queue, reader):
        drops: list[None] = []
        queue.on_drop = lambda: drops.append(None)
        started = unstalled_s()
        for number in range(PIPE_LINES_MAX):
            queue.emit(record(number))
        assert unstalled_s() - started < BUSY_MACHINE_S
        assert drops
        kept: list[str] = []
        reported = 0
        while len(kept) + reported < PIPE_LINES_MAX:
            line = json.loads(reader.readline())
            reported += line.get("dropped", 0)
            if "dropped" not in line:
                kept.append(line["message"])
        assert reported == len(drops)
        numbers = [int(message.removeprefix("line ")) for message in kept]
        assert numbers == sorted(set(numbers))


def test_flushing_ends_at_its_time_limit() -> None:
    # The buffered lines do not fit into the pipe, whichever thread is faster.
    with queue_into_a_pipe(SMALL_PIPE_BYTES) as (queue, _reader):
        for number in range(PIPE_LINES_MAX):
            queue.emit(record(number))
        started, began = unstalled_s(), time.monotonic()
        queue.flush()
        assert time.monotonic() - began >= FLUSH_S
        assert unstalled_s() - started < FLUSH_S + LATE_S


def test_a_closed_reader_causes_no_error() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    queue = LogQueue(write_end)
    queue.setFormatter(JsonFormatter(worker=None, personal=False))
    queue.emit(record(1))
    queue.close()
    os.close(write_end)


def test_a_record_that_cannot_be_formatted_is_reported() -> None:
    with queue_into_a_pipe() as (queue, reader):
        queue.emit(record(1, "line %d of %d"))
        assert json.loads(reader.readline())["message"].startswith("log record could not be formatted: 'line %d of %d'")


def test_repeated_messages_are_limited_and_the_suppressed_ones_are_counted() -> None:
    now = 0.0
    limit = RateLimit(10.0, lambda: now)
    passed = []
    for second in range(25):
        now = float(second)
        for message in ("line %d", "other %d"):
            repeated = record(second, message)
            if limit.filter(repeated):
                passed.append((second, message, getattr(repeated, "suppressed", 0)))
    assert passed == [(s, m, 9 if s else 0) for s in (0, 10, 20) for m in ("line %d", "other %d")]


def unread_service(*arguments: str) -> tuple[subprocess.Popen[str], dict[str, dict[str, Any]]]:
    """Start a service that logs continuously, and read its log only until it serves."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.runtime.tiny_service", *arguments],
        env={**os.environ, "TINY_MISHAP": "chatty"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    lines: dict[str, dict[str, Any]] = {}
    while "started" not in lines:
        line = json.loads(process.stderr.readline())
        lines[line["message"]] = line
    return process, lines


@pytest.mark.parametrize("arguments", [(), pytest.param(("--workers", "2"), marks=pytest.mark.slow)])
def test_a_service_whose_log_is_not_read_serves_and_stops_in_order(arguments: tuple[str, ...]) -> None:
    process, lines = unread_service(*arguments)
    try:
        about = lines["started workers" if arguments else "started"]
        port = about["port"] if arguments else lines["serving"]["port"]

        def dropped() -> bool:
            counts = samples(metrics_at(about["metrics_port"]), "log_lines_dropped_total")
            return max(counts.values(), default=0) > 0

        wait_until(dropped, 30 + BUSY_MACHINE_S)
        for _ in range(10):
            assert is_serving(port)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20 + BUSY_MACHINE_S) == 0
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def test_grpc_core_writes_no_log_lines() -> None:
    program = (
        "from shared.runtime.logs import log_to_stderr; log_to_stderr('INFO')\n"
        "import grpc, logging, socket\n"
        "holder = socket.create_server(('127.0.0.1', 0))\n"
        "server = grpc.server(None, options=[('grpc.so_reuseport', 0)])\n"
        "try:\n    server.add_insecure_port(f'127.0.0.1:{holder.getsockname()[1]}')\n"
        "except RuntimeError:\n    logging.error('refused')\n"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GRPC_")}
    ended = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    assert [json.loads(line)["message"] for line in ended.stderr.splitlines()] == ["refused"]


def test_a_message_without_text_fails_no_caller() -> None:
    class Silent:
        def __repr__(self) -> str:
            raise ValueError

    with queue_into_a_pipe() as (queue, reader):
        unreadable = record(1)
        unreadable.msg, unreadable.args = Silent(), ()
        queue.emit(unreadable)
        assert json.loads(reader.readline())["message"] == "log record could not be formatted: Silent: ValueError"
