"""The changelog of a release: its fragments, and what was written under the heading Unreleased."""

from __future__ import annotations

import re

UNRELEASED = "## [Unreleased]\n"
_HEADING = re.compile(r"^## ", re.MULTILINE)
_PART = re.compile(r"^### (.+)\n", re.MULTILINE)


def with_unreleased_in(changelog: str, version: str) -> str:
    """Return the changelog with what is under Unreleased moved into the section of a version, heading by heading."""
    if UNRELEASED not in changelog:
        return changelog
    start = changelog.index(UNRELEASED)
    unreleased = _section(changelog, start)
    without = changelog[:start] + changelog[start + len(unreleased) :]
    new_at = without.index(f"## [{version}]")
    new = _section(without, new_at)
    heading, _, body = new.partition("\n")
    parts = _parts(body)
    for name, text in _parts(unreleased.partition("\n")[2]).items():
        parts[name] = "\n".join(filter(None, (parts.get(name, ""), text)))
    merged = "".join(f"### {name}\n\n{text}\n\n" for name, text in parts.items())
    return f"{without[:new_at]}{heading}\n\n{merged}{without[new_at + len(new) :]}"


def _section(changelog: str, start: int) -> str:
    """Return the section that starts at a position, up to the next heading of its level."""
    following = _HEADING.search(changelog, start + 1)
    return changelog[start : following.start() if following else len(changelog)]


def _parts(body: str) -> dict[str, str]:
    """Return the parts of a section by name, such as Added, in their order."""
    _, *found = _PART.split(body)
    return {name: text.strip() for name, text in zip(found[::2], found[1::2], strict=True)}
