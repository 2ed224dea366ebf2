"""The scheduling policy of a service's threads."""

from __future__ import annotations

import os
from contextlib import suppress


def use_batch_scheduling() -> None:
    """Keep threads of this process from interrupting each other when they become ready to run.

    One thread at a time runs Python. A thread that is woken, by a call that comes in or a statement that is answered,
    would put the one that runs to sleep, find that one holding the interpreter's lock, and go to sleep itself: four
    switches instead of one, a quarter of the CPU of a small call. Under `SCHED_BATCH` it runs when the other waits or
    has used up its time slice of milliseconds. Priorities stay the same, and no privilege is needed. Without such a
    policy, or in a sandbox that forbids the choice, nothing changes.

    Call it before other threads start: they inherit the policy of the thread that starts them.
    """
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
