"""The pace of Python's garbage collector."""

from __future__ import annotations

import gc

NEW_OBJECTS_MAX = 10_000
"""Number of objects made and not freed after which the collector looks through the new ones. Calls in flight hold a
tenth of this; Python's default of 700 is less than they hold."""


def collect_seldom() -> None:
    """Exempt all present objects from garbage collection, and collect new ones seldom.

    Python frees an object when nothing refers to it any more. The collector is only for circles of references, and
    calls leave none (`tests/rpc/test_garbage.py`). With Python's defaults it ran once in 30 events nevertheless. Once
    in 3,000 events it visited all 80,000 objects that imports had made, which stops all threads for some 40 ms. That
    was a tenth of the CPU of an event.

    Call it when the parts of the process are started: what they consist of exists until the process ends.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS_MAX)
