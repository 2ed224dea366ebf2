"""Imports of every module, read from its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "admin",
    "attack",
    "bench",
    "challenge_service",
    "demo",
    "devstack",
    "docsite",
    "event_handler",
    "event_source",
    "load_generator",
    "reward_dispatcher",
    "shared",
)


class Import(NamedTuple):
    """An import."""

    module: str
    """The importing module."""
    target: str
    """The imported module, or a name in it."""


@cache
def sources() -> dict[str, ast.Module]:
    """Return the modules of all packages by name."""
    return {
        _module_name(path): ast.parse(path.read_text("utf-8"), filename=str(path))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    }


@cache
def imports() -> tuple[Import, ...]:
    """Return all imports of all packages, at any place in a module."""
    return tuple(Import(module, target) for module, tree in sources().items() for target in _targets(tree))


def is_within(name: str, package: str) -> bool:
    """Return whether a module is a package or lies in it."""
    return name == package or name.startswith(f"{package}.")


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _targets(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
