"""One supervised child."""

from __future__ import annotations

import signal
import sys

import pytest

from devstack.errors import StartFailed
from devstack.output import TAIL_LINES, Lines
from devstack.process import Child
from tests.support.unstalled_clock import unstalled_s


def python(code: str, lines: list[str], *, grace_s: float = 60, stdin: str = "") -> Child:
    """Return a child that runs `code` and whose output is appended to `lines`."""
    output = Lines(lines.append)
    return Child("python", [sys.executable, "-uc", code], output=output, env={}, grace_s=grace_s, stdin=stdin)


def test_a_child_that_ends_early_is_reported_with_its_last_lines() -> None:
    child = python(f"for n in range({TAIL_LINES} + 1): print('line', n)\nraise SystemExit(3)", [])
    child.start()
    with pytest.raises(StartFailed, match=rf"(?s)status 3 .*line 1\n.*line {TAIL_LINES}$") as failure:
        child.wait_until(lambda: False, deadline_s=60)
    assert "line 0\n" not in str(failure.value)


def test_a_child_that_is_never_ready_is_killed_at_the_deadline() -> None:
    child = python("import time; time.sleep(60)", [])
    child.start()
    with pytest.raises(StartFailed, match=r"was not ready after 0\.2 s"):
        child.wait_until(lambda: False, deadline_s=0.2)
    assert not child.is_running


def test_stop_sends_sigterm_first_and_kills_after_the_grace() -> None:
    lines: list[str] = []
    deaf = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: print('asked')); print('up'); time.sleep(60)"
    child = python(f"{deaf}\ntime.sleep(60)", lines, grace_s=0.3)
    child.start()
    child.wait_until(lambda: "up" in lines, deadline_s=60)
    started = unstalled_s()
    child.stop()
    assert unstalled_s() - started < 5
    assert child.exit_status == -signal.SIGKILL
    assert child.tail().endswith("asked")


def test_a_child_reads_its_stdin_and_inherits_no_environment() -> None:
    lines: list[str] = []
    child = python("import os, sys; print(sys.stdin.read(), sorted(os.environ))", lines, stdin="a secret")
    child.start()
    with pytest.raises(StartFailed):
        child.wait_until(lambda: False, deadline_s=60)
    assert lines[0].startswith("a secret [")
    assert "PATH" not in lines[0]


def test_signals_blocked_by_the_supervisor_reach_the_child() -> None:
    lines: list[str] = []
    child = python("print('up'); import time; time.sleep(60)", lines)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        child.start()
        child.wait_until(lambda: "up" in lines, deadline_s=60)
        child.stop()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert child.exit_status == -signal.SIGTERM
