"""Signals that tell a process to end or to reload: waited for, never handled.

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
    """Keeps SIGTERM and SIGINT pending until they are waited for.

    Call this in the main thread before any other thread starts: threads inherit it, and so do processes that are
    started from here.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


def hold_reload_signal() -> None:
    """Keeps SIGHUP pending in the same way. A process that does not hold it is ended by it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {RELOAD_SIGNAL})


def wait_for_stop_signal(reload: Callable[[], object] | None = None) -> signal.Signals:
    """Waits until somebody asks the process to stop, and says by which signal.

    With `reload`, which must neither wait nor raise, SIGHUP is waited for as well, and calls it each time.
    """
    waited_for = STOP_SIGNALS if reload is None else STOP_SIGNALS | {RELOAD_SIGNAL}
    while True:
        number = signal.Signals(signal.sigwait(waited_for))
        if reload is None or number in STOP_SIGNALS:
            return number
        reload()


def let_next_signal_kill() -> None:
    """From here on SIGTERM and SIGINT end the process at once, whatever it is doing. Main thread only."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def ask_to_stop() -> None:
    """Asks this very process to stop, as SIGTERM from outside would; any thread."""
    os.kill(os.getpid(), signal.SIGTERM)
