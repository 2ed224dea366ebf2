"""The places of the repository's Markdown files in the site, and their links there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

from docsite.reference import page_of

_FENCE = re.compile(r"(^```.*?^```[^\n]*$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[([^\]]+)\]\((?![a-z]+:)([^)#\s]*)(#[^)\s]*)?\)")

FRONT = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
"""The pages that are not from `docs/`, by their paths in the repository."""


def places(root: Path) -> dict[str, PurePosixPath]:
    """Return the place in the site of every page and proto file, by its path in the repository."""
    found = {source: PurePosixPath(page) for source, page in FRONT.items()}
    docs = sorted((root / "docs").rglob("*.md"))
    found |= {path.relative_to(root).as_posix(): PurePosixPath(path.relative_to(root / "docs")) for path in docs}
    protos = sorted((root / "protos").rglob("*.proto"))
    found |= {path.relative_to(root).as_posix(): page_of(str(path.relative_to(root / "protos"))) for path in protos}
    return found


def with_links_of_the_site(text: str, source: str, places: Mapping[str, PurePosixPath]) -> str:
    """Return a page's text with links that lead to pages of the site.

    A link to a file that is no page, such as a module, becomes its text: the site has no source code.
    """

    def link(found: re.Match[str]) -> str:
        text, path, anchor = found[1], found[2], found[3] or ""
        if not path:
            return found[0]
        target = places.get(normpath((PurePosixPath(source).parent / path).as_posix()))
        if target is None:
            return text if text.startswith("`") else f"`{text}`"
        return f"[{text}]({relpath(target, places[source].parent)}{anchor})"

    parts = _FENCE.split(text)
    return "".join(part if _FENCE.fullmatch(part) else _LINK.sub(link, part) for part in parts)
