"""The API reference: one page for each proto file, of its declarations and the comments before them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from textwrap import dedent

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet, ServiceDescriptorProto

PROTOS = Path(__file__).parents[1] / "protos"
FOLDER = PurePosixPath("reference")
"""The folder of the pages in the site."""

_METHODS = ServiceDescriptorProto.METHOD_FIELD_NUMBER
_DECLARATIONS = (
    (FileDescriptorProto.SERVICE_FIELD_NUMBER, "service"),
    (FileDescriptorProto.MESSAGE_TYPE_FIELD_NUMBER, "message_type"),
    (FileDescriptorProto.ENUM_TYPE_FIELD_NUMBER, "enum_type"),
)
"""Numbers and names of the fields that hold declarations: a comment is found by these numbers and by indexes."""


def reference_pages(descriptors: FileDescriptorSet) -> dict[PurePosixPath, str]:
    """Return the Markdown of every page by its place in the site; files of Google get none."""
    ours = [file for file in descriptors.file if not file.package.startswith("google.")]
    return {page_of(file.name): "\n\n".join(filter(None, _page(file))) + "\n" for file in ours}


def page_of(proto: str) -> PurePosixPath:
    """Return the place of a proto file's page, such as `reference/challenge-v1-event_service.md`."""
    return FOLDER / (str(PurePosixPath(proto).with_suffix("")).replace("/", "-") + ".md")


def _page(file: FileDescriptorProto) -> Iterator[str]:
    lines = (PROTOS / file.name).read_text(encoding="utf-8").splitlines()
    locations = {tuple(location.path): location for location in file.source_code_info.location}

    def declaration(name: str, *path: int) -> Iterator[str]:
        location = locations[path]
        yield f"##{'#' * (len(path) // 2 - 1)} {name}"
        yield _prose(location.leading_comments)
        first, last = location.span[0], location.span[2] if len(location.span) > 3 else location.span[0]
        if path[0] != FileDescriptorProto.SERVICE_FIELD_NUMBER or _METHODS in path[2:]:
            source = dedent("\n".join(lines[first : last + 1]))
            yield f"```protobuf\n{source}\n```"

    yield f"# {PurePosixPath(file.name).name}"
    yield f"Package `{file.package}`."
    for number, field in _DECLARATIONS:
        for index, declared in enumerate(getattr(file, field)):
            yield from declaration(declared.name, number, index)
            for place, method in enumerate(getattr(declared, "method", ())):
                yield from declaration(method.name, number, index, _METHODS, place)


def _prose(comment: str) -> str:
    """Return a comment as Markdown. Its indented lines, which are aligned tables of errors, stand in code blocks."""
    text = dedent("\n".join(line.removeprefix(" ") for line in comment.splitlines())).strip()
    return re.sub(
        r"(?:^ {2,}\S.*\n?)+",
        lambda found: f"\n```text\n{dedent(found[0]).rstrip()}\n```\n",
        text,
        flags=re.MULTILINE,
    ).strip()
