"""Modules are short enough to be read at once."""

from __future__ import annotations

from collections.abc import Iterator

from tests.support.prose import files, read

LINES_MAX = 250
TEST_LINES_MAX = 300
PROSE_MAX = {"docs/catalogue.md": 139}
"""The longest that a document which people read from end to end may be."""


def limits() -> Iterator[tuple[str, int]]:
    """Yield the path of each module, and the number of lines that it may have."""
    for path in files():
        if path.endswith(".py"):
            yield path, TEST_LINES_MAX if path.startswith("tests/") else LINES_MAX
    yield from PROSE_MAX.items()


def test_no_module_is_too_long() -> None:
    lengths = [(path, len(read(path).splitlines()), limit) for path, limit in limits()]
    assert [f"{path}: {length} lines" for path, length, limit in lengths if length > limit] == []
