"""Builds the documentation site into `.site/html`: `python -m docsite`. A link that leads nowhere fails the build.

Pages are the repository's Markdown; links between them are rewritten to their places in the site.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from docsite.reference import FOLDER, page_of, reference_pages

ROOT = Path(__file__).parents[1]
SITE = ROOT / ".site"

FIRST = (
    "index.md",
    "architecture.md",
    "catalogue.md",
    "schedules.md",
    "choosing.md",
    "rewards.md",
    "event-sources.md",
    "leaderboards.md",
    "operations.md",
    "kubernetes.md",
    "players.md",
    "slo.md",
    "runbook/README.md",
    "settings.md",
    "glossary.md",
)
"""The pages that stand first, in the order in which they are best read."""

DECISIONS = "decisions"
RUNBOOK = "runbook"


def main() -> int:
    """Build the site; return the exit status of Zensical."""
    shutil.rmtree(SITE, ignore_errors=True)
    pages = assembled() | reference_pages(descriptors())
    for place, text in pages.items():
        path = SITE / "pages" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    config = (Path(__file__).parent / "zensical.toml").read_text(encoding="utf-8")
    (SITE / "zensical.toml").write_text(config.replace("nav = []", f"nav = {navigation(pages)}"), encoding="utf-8")
    zensical = Path(sys.executable).parent / "zensical"
    return subprocess.run([zensical, "build", "--strict"], cwd=SITE, check=False).returncode


def assembled() -> dict[PurePosixPath, str]:
    """Return the text of the repository's own pages by their places in the site."""
    where = places(ROOT)
    return {
        place: with_links_of_the_site((ROOT / source).read_text(encoding="utf-8"), source, where)
        for source, place in where.items()
        if source.endswith(".md")
    }


def descriptors() -> FileDescriptorSet:
    """Return the descriptors of all protos, with their comments."""
    target = SITE / "protos.binpb"
    target.parent.mkdir(exist_ok=True)
    protos = sorted((ROOT / "protos").rglob("*.proto"))
    subprocess.run(
        [
            *(sys.executable, "-m", "grpc_tools.protoc", "-I", ROOT / "protos"),
            *("--include_imports", "--include_source_info", f"--descriptor_set_out={target}"),
            *protos,
        ],
        check=True,
    )
    return FileDescriptorSet.FromString(target.read_bytes())


def navigation(pages: Mapping[PurePosixPath, str]) -> str:
    """Return the site's table of contents as a TOML array: guides, the runbook, the API, decisions, the project."""
    front = {PurePosixPath(page) for page in FRONT.values()} - {PurePosixPath("index.md")}
    sections: dict[str, list[PurePosixPath]] = {"": [], "Runbook": [], "API": [], "Decisions": [], "Project": []}
    for page in sorted(pages, key=_reading_order):
        kind = {FOLDER: "API", PurePosixPath(DECISIONS): "Decisions", PurePosixPath(RUNBOOK): "Runbook"}.get(
            page.parent, "Project" if page in front else ""
        )
        sections[kind].append(page)
    entries = [json.dumps(str(page)) for page in sections.pop("")]
    entries += [
        f'{{ "{name}" = {json.dumps([str(page) for page in found])} }}' for name, found in sections.items() if found
    ]
    return f"[{', '.join(entries)}]"


def _reading_order(page: PurePosixPath) -> tuple[int, str]:
    name = str(page)
    return (FIRST.index(name) if name in FIRST else len(FIRST), name)


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
    """Return the place in the site of each front page, page below docs/ and file below protos/, by its path."""
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


if __name__ == "__main__":
    sys.exit(main())
