"""Adjustments of the interpreter and the C library: garbage collection, scheduling of threads, memory."""

from __future__ import annotations

import ctypes
import gc
import os
from contextlib import suppress

NEW_OBJECTS_MAX = 10_000
"""Number of objects made and not freed after which the collector looks through the new ones. Calls in flight hold a
tenth of this; Python's default of 700 is less than they hold."""


def collect_seldom() -> None:
    """Exempt all present objects from garbage collection, and collect new ones rarely.

    Python frees an object when nothing refers to it any more. The collector is only for circles of references, and
    calls leave none (`tests/rpc/test_garbage.py`). With Python's defaults it ran once in 30 events nevertheless. Once
    in 3,000 events it visited all 80,000 objects that imports had made, which stops all threads for some 40 ms. That
    was a tenth of the CPU of an event.

    Call it when the parts of the process are started: what they consist of exists until the process ends. What reading
    the catalogue took is returned to the operating system, too: one or two megabytes.
    """
    gc.collect()
    release_freed_memory()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS_MAX)


def use_batch_scheduling() -> None:
    """Keep threads of this process from interrupting each other when they become ready to run.

    One thread at a time runs Python. A thread that is woken, by a call that comes in or a result of a statement,
    would put the one that runs to sleep, find that one holding the interpreter's lock, and go to sleep itself: four
    switches instead of one, a quarter of the CPU of a small call. Under `SCHED_BATCH` it runs when the other waits or
    has used up its time slice of milliseconds. Priorities stay the same, and no privilege is needed. Without such a
    policy, or in a sandbox that forbids the choice, nothing changes.

    Call it before other threads start: they inherit the policy of the thread that starts them.
    """
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def release_freed_memory() -> None:
    """Return freed memory to the operating system, where the C library keeps it.

    glibc keeps what was freed between pieces that are in use: half of the memory of a process in which many large
    responses were freed at once.
    """
    # Only glibc has it.
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
