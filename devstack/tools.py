"""Command-line tools that speak gRPC."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

FOLDERS = (Path(".tools/bin"), Path(sys.executable).parent)
"""The folders that `make tools` and the installation use."""


def find_tool(name: str) -> str | None:
    """Return the path of a tool from the working directory; None if it is not installed."""
    here = Path.cwd()
    for path in (here / folder / name for folder in FOLDERS):
        if path.is_file():
            return str(path.relative_to(here) if path.is_relative_to(here) else path)
    return shutil.which(name)
