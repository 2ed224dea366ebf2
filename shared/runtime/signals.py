"""Signals that end a process: waited for, never handled.

A handler runs between two bytecodes of the main thread, where taking a lock can deadlock with the main thread itself.
So SIGTERM and SIGINT are blocked in every thread, and one thread waits for them.
"""

from __future__ import annotations

import os
import signal

STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})


def hold_stop_signals() -> None:
    """Keeps SIGTERM and SIGINT pending until they are waited for.

    Call this in the main thread before any other thread starts: threads inherit it, and so do processes that are
    started from here.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


def wait_for_stop_signal() -> signal.Signals:
    """Waits until somebody asks the process to stop, and says by which signal."""
    return signal.Signals(signal.sigwait(STOP_SIGNALS))


def let_next_signal_kill() -> None:
    """From here on SIGTERM and SIGINT end the process at once, whatever it is doing. Main thread only."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def ask_to_stop() -> None:
    """Asks this very process to stop, as SIGTERM from outside would; any thread."""
    os.kill(os.getpid(), signal.SIGTERM)
