"""The API reference: one page for each proto file, made from its descriptors and comments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from textwrap import dedent

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)

FOLDER = PurePosixPath("reference")
"""The folder of the pages in the site."""

# Numbers of the fields that lead to a declaration: a comment is found by the path of these numbers and of indexes.
_MESSAGES = FileDescriptorProto.MESSAGE_TYPE_FIELD_NUMBER
_ENUMS = FileDescriptorProto.ENUM_TYPE_FIELD_NUMBER
_SERVICES = FileDescriptorProto.SERVICE_FIELD_NUMBER
_METHODS = ServiceDescriptorProto.METHOD_FIELD_NUMBER
_FIELDS = DescriptorProto.FIELD_FIELD_NUMBER
_NESTED = DescriptorProto.NESTED_TYPE_FIELD_NUMBER
_NESTED_ENUMS = DescriptorProto.ENUM_TYPE_FIELD_NUMBER
_VALUES = EnumDescriptorProto.VALUE_FIELD_NUMBER

Path = tuple[int, ...]


def reference_pages(descriptors: FileDescriptorSet) -> dict[PurePosixPath, str]:
    """Return the Markdown of every page by its place in the site; files of Google get none."""
    ours = [file for file in descriptors.file if not file.package.startswith("google.")]
    places = {name: page_of(file.name) for file in ours for name in _type_names(file)}
    return {page_of(file.name): _Page(file, places).markdown() for file in ours}


def page_of(proto: str) -> PurePosixPath:
    """Return the place of a proto file's page, such as `reference/challenge-v1-event_service.md`."""
    return FOLDER / (str(PurePosixPath(proto).with_suffix("")).replace("/", "-") + ".md")


@dataclass
class _Page:
    """One proto file on its way to Markdown."""

    file: FileDescriptorProto
    places: Mapping[str, PurePosixPath]
    """The page of every message and enum by its full name."""

    def __post_init__(self) -> None:
        self._comments: dict[Path, str] = {
            tuple(location.path): location.leading_comments or location.trailing_comments
            for location in self.file.source_code_info.location
        }

    def markdown(self) -> str:
        parts = [f"# {PurePosixPath(self.file.name).name}", f"Package `{self.file.package}`."]
        for index, service in enumerate(self.file.service):
            parts += self._service(service, (_SERVICES, index))
        for index, message in enumerate(self.file.message_type):
            parts += self._message(message, (_MESSAGES, index), "")
        for index, enum in enumerate(self.file.enum_type):
            parts += self._enum(enum, (_ENUMS, index), "")
        return "\n\n".join(part for part in parts if part) + "\n"

    def _service(self, service: ServiceDescriptorProto, path: Path) -> Iterator[str]:
        yield f"## {service.name}"
        yield self._prose(path)
        for index, method in enumerate(service.method):
            yield f"### {method.name}"
            yield self._signature(method)
            yield self._prose((*path, _METHODS, index))

    def _signature(self, method: MethodDescriptorProto) -> str:
        request, response = self._link(method.input_type), self._link(method.output_type)
        if method.client_streaming:
            request = f"stream of {request}"
        if method.server_streaming:
            response = f"stream of {response}"
        return f"{request} → {response}"

    def _message(self, message: DescriptorProto, path: Path, outer: str) -> Iterator[str]:
        yield f"## {outer}{message.name}"
        yield self._prose(path)
        if message.field:
            yield _table(
                ("field", "type", "number", "meaning"),
                [
                    (
                        f"`{field.name}`",
                        self._type(message, field),
                        str(field.number),
                        self._cell((*path, _FIELDS, index)),
                    )
                    for index, field in enumerate(message.field)
                ],
            )
        for index, nested in enumerate(message.nested_type):
            if not nested.options.map_entry:
                yield from self._message(nested, (*path, _NESTED, index), f"{outer}{message.name}.")
        for index, enum in enumerate(message.enum_type):
            yield from self._enum(enum, (*path, _NESTED_ENUMS, index), f"{outer}{message.name}.")

    def _enum(self, enum: EnumDescriptorProto, path: Path, outer: str) -> Iterator[str]:
        yield f"## {outer}{enum.name}"
        yield self._prose(path)
        yield _table(
            ("value", "number", "meaning"),
            [
                (f"`{value.name}`", str(value.number), self._cell((*path, _VALUES, index)))
                for index, value in enumerate(enum.value)
            ],
        )

    def _type(self, message: DescriptorProto, field: FieldDescriptorProto) -> str:
        kind = FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
        named = self._link(field.type_name) if field.type_name else kind
        if field.label == FieldDescriptorProto.LABEL_REPEATED:
            return f"repeated {named}"
        if field.proto3_optional:
            return f"optional {named}"
        if field.HasField("oneof_index"):
            return f"{named}, one of `{message.oneof_decl[field.oneof_index].name}`"
        return named

    def _link(self, full_name: str) -> str:
        name = full_name.removeprefix(".")
        if name not in self.places:
            return f"`{name}`"
        short = name.removeprefix(f"{self.file.package}.")
        anchor = name.rpartition(".v1.")[2].replace(".", "").lower()
        here = self.places[name] == page_of(self.file.name)
        return f"[{short}]({'' if here else self.places[name].name}#{anchor})"

    def _prose(self, path: Path) -> str:
        return _with_tables_fenced(dedent(_unindented(self._comments.get(path, ""))).strip())

    def _cell(self, path: Path) -> str:
        return " ".join(self._comments.get(path, "").split()).replace("|", "\\|")


def _unindented(comment: str) -> str:
    """Return a comment without the space that follows each `//`."""
    return "\n".join(line.removeprefix(" ") for line in comment.splitlines())


def _with_tables_fenced(text: str) -> str:
    """Return a comment whose indented lines, which are aligned tables of errors, stand in code blocks."""
    return re.sub(
        r"(?:^ {2,}\S.*\n?)+",
        lambda found: f"\n```text\n{dedent(found[0]).rstrip()}\n```\n",
        text,
        flags=re.MULTILINE,
    ).strip()


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _type_names(file: FileDescriptorProto) -> Iterator[str]:
    for message in file.message_type:
        yield from _names_within(message, file.package)
    for enum in file.enum_type:
        yield f"{file.package}.{enum.name}"


def _names_within(message: DescriptorProto, outer: str) -> Iterator[str]:
    name = f"{outer}.{message.name}"
    yield name
    for nested in message.nested_type:
        yield from _names_within(nested, name)
    for enum in message.enum_type:
        yield f"{name}.{enum.name}"
