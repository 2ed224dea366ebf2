"""A folder for each test in which servers can keep their data."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def folder(server_folder: Path) -> Path:
    """An empty folder that the servers' account can enter; deleted after the session."""
    made = Path(tempfile.mkdtemp(dir=server_folder))
    made.chmod(0o711)
    return made
