"""A process that packs completions until it is killed."""

from __future__ import annotations

import sys
import time

from shared.domain.instant import DAY
from shared.operations.goals.pack_completions import CompletionPacking
from tests.support.completion_retention import CATALOGUE
from tests.support.databases import opened

if __name__ == "__main__":
    url, owner, now = sys.argv[1:]
    with opened(url, pool_size=2) as database:
        packing = CompletionPacking(database, 30 * DAY, owner, lambda: int(now))
        print("begins", flush=True)  # noqa: T201 - the parent waits for it
        packing.one_pass(CATALOGUE)
        print("done", flush=True)  # noqa: T201
        time.sleep(60)
