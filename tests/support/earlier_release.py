"""An earlier state of this project, from its history, whose processes run beside those of today."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.service_process import PROJECT

CODE = (
    "admin",
    "challenge_service",
    "event_handler",
    "reward_dispatcher",
    "shared",
    "protos",
    "catalogues",
    "deploy",
    "migrations",
    "pyproject.toml",
)

SETTING = "TEST_RELEASE"
"""Variable with the tag or commit that counts as the last release."""
RECORD = PROJECT / "deploy" / "last_release.txt"


def release_before(migration: str, folder: Path) -> Path | None:
    """Export the code as it was before a migration was added, with the code of its contract, and return where it is.

    None without the history, as in a shallow clone.
    """
    added = _git("log", "--diff-filter=A", "--format=%H", "--max-count=1", "--", f"migrations/{migration}.sql")
    before = f"{added.decode().strip()}^"
    if not added or not _git("rev-parse", "--quiet", "--verify", before):
        return None
    return code_of(before, folder)


def last_release() -> str | None:
    """Return the commit of the last release: the one in `TEST_RELEASE`, the newest tag, or the recorded one.

    None without the history, as in a shallow clone.
    """
    tag = _git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*").decode().strip()
    reference = os.environ.get(SETTING) or tag or RECORD.read_text("utf-8").split()[0]
    commit = _git("rev-parse", "--quiet", "--verify", f"{reference}^{{commit}}").decode().strip()
    return commit or None


def code_of(commit: str, folder: Path) -> Path:
    """Export the code of a commit, with the code of its contract, and return where it is."""
    archive = _git("archive", commit, *CODE)
    subprocess.run(["tar", "x"], cwd=folder, input=archive, check=True)  # noqa: S607
    generated = folder / "generated"
    generated.mkdir()
    files = sorted(str(path.relative_to(folder / "protos")) for path in (folder / "protos").rglob("*.proto"))
    protoc = [sys.executable, "-m", "grpc_tools.protoc", "-I", "protos"]
    outputs = [f"--python_out={generated}", f"--grpc_python_out={generated}"]
    subprocess.run([*protoc, *outputs, *files], cwd=folder, check=True)
    for package in [path for path in generated.rglob("*") if path.is_dir()]:
        (package / "__init__.py").touch()
    return folder


def _git(*arguments: str) -> bytes:
    """Return what git prints; nothing if it fails."""
    return subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True, check=False).stdout  # noqa: S607
