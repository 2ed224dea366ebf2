"""The names that the repository's code defines or uses, comments and docstrings left out."""

from __future__ import annotations

import ast
import builtins
import importlib
import keyword
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support import prose
from tests.support.prose import ROOT, comment_marker, files, read

PYTHON_PACKAGES = frozenset(Path(path).parts[0] for path in files() if path.endswith("/__init__.py"))
"""The folders at the root that are Python packages."""

_MESSAGE = re.compile(r"^message (\w+) \{$(.*?)^\}$", re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def parsed(path: str) -> ast.Module:
    """Return the syntax tree of a Python file, its docstrings emptied."""
    return prose.parsed(path)[0]


def walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all below it, in any order: `ast.walk` takes twice as long."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for value in vars(node).values():
            if isinstance(value, list):
                waiting += (each for each in value if isinstance(each, ast.AST))
            elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context):
                waiting.append(value)


@cache
def modules() -> dict[str, str]:
    """Return the path of every module and package by its dotted name."""
    return {_module_name(path): path for path in files() if path.endswith(".py")}


@cache
def words_in(path: str) -> frozenset[str]:
    """Return every identifier in the code of one file: names, attributes, parameters, and words of its strings."""
    if path.endswith(".py"):
        return frozenset(_python_words(parsed(path)))
    return frozenset(_WORD.findall(code_text(path)))


@cache
def definitions() -> frozenset[str]:
    """Return the names that a reader can look up from any file.

    These are modules, classes, functions, attributes and constants of Python, string constants that are one name,
    names imported from libraries, and all words of files that are not Python: SQL, protos, catalogues, the Makefile.
    Parameters and local variables mean nothing outside of their file and are left out.
    """
    found = set(dir(builtins)) | set(keyword.kwlist)
    for path in files():
        if path.endswith(".py"):
            found.update(_python_definitions(path))
            found.update(Path(path).with_suffix("").parts)
        elif is_code(path):
            found.update(words_in(path))
            found.add(Path(path).name.partition(".")[0])
    return frozenset(found)


@cache
def members() -> dict[str, frozenset[str]]:
    """Return the members of every class by its name: methods, fields, attributes, and those of its bases.

    Messages of the contract are classes whose members are their fields.
    """
    own: dict[str, set[str]] = defaultdict(set)
    bases: dict[str, set[str]] = defaultdict(set)
    for path in modules().values():
        for node in walk(parsed(path)):
            if isinstance(node, ast.ClassDef):
                own[node.name].update(_members(node))
                bases[node.name].update(_last_name(base) for base in node.bases)
    for path in files():
        if path.endswith(".proto"):
            for message, body in _MESSAGE.findall(code_text(path)):
                own[message].update(_WORD.findall(body))
    return {name: frozenset(_with_inherited(name, own, bases)) for name in own}


@cache
def code() -> str:
    """Return the text of all files but documents, comments and docstrings left out."""
    return "\n".join(code_text(path) for path in files() if is_code(path))


def is_code(path: str) -> bool:
    """Return whether a file is code or data, not prose."""
    return not path.endswith((".md", ".txt", "LICENSE"))


@cache
def code_text(path: str) -> str:
    """Return the text of a file without its comments and, for Python, as its syntax tree prints it."""
    if path.endswith(".py"):
        return ast.unparse(parsed(path))
    if marker := comment_marker(path):
        return "\n".join(line.partition(marker)[0] for line in read(path).splitlines())
    return read(path)


def dotted_name_exists(name: str) -> bool:
    """Return whether `package.module.attribute` names a module of this repository or something that it defines."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        path = modules().get(".".join(parts[:cut]))
        if path is not None:
            return not parts[cut:] or _is_defined(parts[cut:], path)
    return (ROOT / Path(*parts)).is_dir()


def library_name_exists(name: str) -> bool:
    """Return whether a dotted name can be imported from an installed library."""
    module, _, attribute = name.rpartition(".")
    if module.split(".")[0] in PYTHON_PACKAGES:
        return False
    try:
        return hasattr(importlib.import_module(module), attribute)
    except ImportError:
        return False


def _is_defined(names: list[str], path: str) -> bool:
    first, *rest = names
    if first not in _python_definitions(path):
        return False
    return not rest or rest[0] in members().get(first, frozenset())


def _module_name(path: str) -> str:
    parts = Path(path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _python_words(tree: ast.Module) -> Iterator[str]:
    for node in walk(tree):
        yield from _names(node)
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.arg | ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _WORD.findall(node.value)


@cache
def _python_definitions(path: str) -> set[str]:
    tree = parsed(path)
    found = _top_level(tree)
    for node in walk(tree):
        found.update(_names(node))
        if isinstance(node, ast.ClassDef):
            found |= _members(node)
    return found


def _names(node: ast.AST) -> Iterator[str]:
    """Yield what a node defines, imports or looks up in something else."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield node.name
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.alias):
        yield from node.name.split(".")
        if node.asname:
            yield node.asname
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield from node.module.split(".")
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _WORD.fullmatch(node.value):
        yield node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.endswith("counter"):
        # Prometheus shows a counter under its name with this ending.
        names = (name.value for name in node.args[:1] if isinstance(name, ast.Constant))
        yield from (f"{name}_total" for name in names if isinstance(name, str))


def _top_level(tree: ast.Module) -> set[str]:
    return {name for statement in tree.body for name in _assigned(statement)}


def _members(cls: ast.ClassDef) -> set[str]:
    found = {name for statement in cls.body for name in _assigned(statement)}
    for node in walk(cls):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
            found.add(node.attr)
    return found


def _assigned(statement: ast.stmt) -> Iterator[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    for target in targets:
        if target is not None:
            yield from (node.id for node in walk(target) if isinstance(node, ast.Name))


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        return _last_name(node.value)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _with_inherited(name: str, own: dict[str, set[str]], bases: dict[str, set[str]]) -> set[str]:
    found, waiting, seen = set[str](), [name], set[str]()
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            found |= own.get(current, set())
            waiting += bases.get(current, set())
    return found
