"""A folder per test for the servers' data."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def folder(server_folder: Path) -> Path:
    """Return an empty folder that the servers' account can enter; it is deleted after the session."""
    made = Path(tempfile.mkdtemp(dir=server_folder))
    made.chmod(0o711)
    return made
