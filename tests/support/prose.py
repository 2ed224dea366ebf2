"""The text that people read: documents, and the docstrings and comments of all source files."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]

# The beginning of a comment in files that are neither Python nor Markdown.
_COMMENTS = {
    ".sql": "--",
    ".lua": "--",
    ".proto": "//",
    ".toml": "#",
    ".yaml": "#",
    ".yml": "#",
    ".sh": "#",
    "Makefile": "#",
    "Dockerfile": "#",
    "run": "#",
}

# Strings, within which no comment of Python begins, and comments. Telling all tokens apart takes ten times as long.
_STRING_OR_COMMENT = re.compile(
    r'''"""(?:[^\\]|\\.)*?"""|\'\'\'(?:[^\\]|\\.)*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|#[^\n]*''',
    re.DOTALL,
)

_TEMPLATE_COMMENT = re.compile(r"/\*\s*(.*?)\s*\*/", re.DOTALL)
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`\n]+(?:\n(?!\n)[^`\n]+)?)`(?!`)")


class Passage(NamedTuple):
    """One document, docstring or block of comment lines."""

    file: str
    """Path from the root of the repository."""
    line: int
    """First line, from 1."""
    text: str


class Span(NamedTuple):
    """One piece of text in backticks."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: `{self.text}`"


@cache
def files() -> tuple[str, ...]:
    """Return the paths of all files that are under version control or could be, from the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return tuple(sorted(path for path in listed.stdout.splitlines() if (ROOT / path).is_file()))


@cache
def read(path: str) -> str:
    """Return the text of a file."""
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


@cache
def documents() -> tuple[str, ...]:
    """Return the paths of all Markdown files."""
    return tuple(path for path in files() if path.endswith(".md"))


@cache
def passages() -> tuple[Passage, ...]:
    """Return everything that is written for people to read."""
    return tuple(passage for path in files() for passage in _passages(path))


@cache
def spans() -> tuple[Span, ...]:
    """Return everything that stands in backticks, code blocks excluded."""
    return tuple(
        Span(passage.file, passage.line + text.count("\n", 0, found.start()), " ".join(found[1].split()))
        for passage in passages()
        for text in [_FENCE.sub(lambda block: "\n" * block[0].count("\n"), passage.text)]
        for found in _SPAN.finditer(text)
    )


def comment_marker(path: str) -> str | None:
    """Return what begins a comment in a file; None where comments are not known."""
    return _COMMENTS.get(Path(path).suffix) or _COMMENTS.get(Path(path).name)


def _passages(path: str) -> Iterator[Passage]:
    if path.endswith(".md") or path.startswith("changelog.d/"):
        yield Passage(path, 1, read(path))
    elif path.endswith(".py"):
        yield from parsed(path)[1]
        yield from _blocks(path, _python_comments(path))
    elif path.endswith(".tpl"):
        text = read(path)
        for found in _TEMPLATE_COMMENT.finditer(text):
            yield Passage(path, 1 + text.count("\n", 0, found.start()), found[1])
    elif marker := comment_marker(path):
        lines = enumerate(read(path).splitlines(), start=1)
        comments = ((number, line.partition(marker)[2].strip()) for number, line in lines if marker in line)
        yield from _blocks(path, comments)


def docstring_nodes(tree: ast.Module) -> Iterator[ast.Constant]:
    """Yield every string that stands alone: docstrings, and those below fields and constants."""
    # Only statements are visited: walking the expressions, too, takes ten times as long.
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value
        for block in ("body", "handlers", "orelse", "finalbody", "cases"):
            inner = getattr(node, block, ())
            if isinstance(inner, list):
                waiting.extend(inner)


@cache
def parsed(path: str) -> tuple[ast.Module, tuple[Passage, ...]]:
    """Return the syntax tree of a Python file, its docstrings emptied, and the docstrings."""
    tree = ast.parse(read(path), filename=path)
    docstrings = []
    for node in docstring_nodes(tree):
        docstrings.append(Passage(path, node.lineno, str(node.value)))
        node.value = ""
    return tree, tuple(docstrings)


def _python_comments(path: str) -> Iterator[tuple[int, str]]:
    text, line, end = read(path), 1, 0
    for found in _STRING_OR_COMMENT.finditer(text):
        if found[0].startswith("#"):
            line, end = line + text.count("\n", end, found.start()), found.start()
            yield line, found[0].lstrip("# ")


def _blocks(path: str, comments: Iterator[tuple[int, str]]) -> Iterator[Passage]:
    """Yield comments of consecutive lines as one, because a name may be broken across lines."""
    first, lines = 0, list[str]()
    for number, text in comments:
        if lines and number != first + len(lines):
            yield Passage(path, first, "\n".join(lines))
            lines = []
        if not lines:
            first = number
        lines.append(text)
    if lines:
        yield Passage(path, first, "\n".join(lines))
