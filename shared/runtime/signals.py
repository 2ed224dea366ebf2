"""Signals that tell a process to stop or to reload: waited for, never handled.

A handler runs between two bytecodes of the main thread, where taking a lock can deadlock with the main thread itself.
So the signals are blocked in every thread, and one thread waits for them.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
RELOAD_SIGNAL = signal.SIGHUP


def hold_stop_signals() -> None:
    """Keep SIGTERM and SIGINT pending until something waits for them.

    Call this in the main thread before any other thread starts: threads and child processes inherit it.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


def hold_reload_signal() -> None:
    """Keep SIGHUP pending in the same way. It kills a process that does not hold it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {RELOAD_SIGNAL})


def wait_for_stop_signal(reload: Callable[[], object] | None = None) -> signal.Signals:
    """Wait for a signal to stop, and return it.

    With `reload`, which must neither wait nor raise, also wait for SIGHUP, and call it each time.
    """
    waited_for = STOP_SIGNALS if reload is None else STOP_SIGNALS | {RELOAD_SIGNAL}
    while True:
        number = signal.Signals(signal.sigwait(waited_for))
        if reload is None or number in STOP_SIGNALS:
            return number
        reload()


def let_next_signal_kill() -> None:
    """Let SIGTERM and SIGINT kill the process from now on. Only for the main thread."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def ask_to_stop() -> None:
    """Send this process SIGTERM. Any thread may call it."""
    os.kill(os.getpid(), signal.SIGTERM)
