"""The short-lived process that loads a catalogue for a service: `python -m shared.catalogue.loading_process`.

`shared.catalogue.separate_loader` starts it, and says why. It reads the path of the catalogue from standard input, and
writes to standard output what it has loaded.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

if __name__ == "__main__":
    # The process ends before a collection would be worth its time.
    gc.disable()

from shared.catalogue.loader import load_with_warnings
from shared.catalogue.problem import CatalogueInvalid
from shared.catalogue.transfer import Loaded, to_bytes


def main() -> int:
    """Load the catalogue whose path comes from standard input; do nothing if that ends without one."""
    if path := sys.stdin.buffer.read():
        sys.stdout.buffer.write(to_bytes(_found(Path(os.fsdecode(path)))))
    return 0


def _found(path: Path) -> Loaded | CatalogueInvalid:
    try:
        return load_with_warnings(path)
    except CatalogueInvalid as invalid:
        return invalid


if __name__ == "__main__":
    sys.exit(main())
