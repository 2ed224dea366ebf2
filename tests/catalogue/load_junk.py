"""Load the catalogue at a path and print the number of reported problems; run by `test_bounds` in a small process."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.catalogue.documents import problems_in

if __name__ == "__main__":
    print(len(problems_in(Path(sys.argv[1]))))  # noqa: T201 - its result
