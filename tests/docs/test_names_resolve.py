"""Whatever documents, docstrings and comments name in backticks exists.

A failure says where a name stands and what is wrong with it. Correct it, or take the backticks off what is no name.
Names of the world outside that no code mentions stand in `tests/docs/names_of_others.txt`.
"""

from __future__ import annotations

import re
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

from docsite.settings_table import PROCESSES
from shared.runtime.settings import variables
from tests.support.code_names import (
    PYTHON_PACKAGES,
    code,
    definitions,
    dotted_name_exists,
    library_name_exists,
    members,
    modules,
    words_in,
)
from tests.support.prose import ROOT, Span, documents, files, passages, read, spans

NOT_OURS = {line.partition("  #")[0].strip() for line in read("tests/docs/names_of_others.txt").splitlines()}
"""Names that no code has and that are right all the same."""

HISTORY = ("CHANGELOG.md", "docs/decisions/")
"""Documents about the past, which may name things that are gone."""

NAME = re.compile(r"[A-Za-z_]\w*")
CALL = re.compile(r"([A-Za-z_]\w*(?:\.\w+)*)\(.*\)")
DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
PATH = re.compile(r"\.?[\w.…*-]+(/[\w.…*-]+)*/?")
FILE_NAME = re.compile(r"[\w.*-]*\.(py|sql|md|toml|ya?ml|proto|json|lua|sh)")
OPTION = re.compile(r"--[a-z][a-z-]*")
SETTING = re.compile(r"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(=\S*)?")
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]+)\)")
MODULE = re.compile(r"python -m ([\w.]+)")
MAKE = re.compile(r"\bmake((?: [A-Z_]+=\S+| [a-z-]+)+)")
IN_FILE = re.compile(r"`([\w/]+\.(?:py|sql|proto))`\s\(((?:`[^`]+`(?:,\s)?)+)\)")

TARGETS = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
TOP = {Path(path).parts[0] for path in files()}
UNTRACKED = tuple(line.strip("/") for line in read(".gitignore").splitlines())


@cache
def settings() -> frozenset[str]:
    """Return the environment variables of all services."""
    return frozenset(variable.name for cls in PROCESSES for variable in variables(cls))


@cache
def folders() -> frozenset[str]:
    """Return the paths of all folders, from the root."""
    return frozenset(str(parent) for path in files() for parent in Path(path).parents)


def problem_of(span: Span) -> str | None:
    """Return what is wrong with a name; None if it exists, or if what stands in backticks is no name."""
    text = span.text
    if found := CALL.fullmatch(text):
        text = found[1]
    if text in NOT_OURS:
        return None
    if MAKE.match(text) or MODULE.search(text):
        return None  # looked at below, with and without backticks
    if OPTION.match(text):
        return None if option_exists(OPTION.match(text)[0]) else "no command has this option"  # type: ignore[index]
    if found := SETTING.fullmatch(text):
        return (
            None if found[1] in settings() or is_known(found[1], span.file) else "no setting or constant of this name"
        )
    if NAME.fullmatch(text):
        return None if is_known(text, span.file) else "no code has this name"
    if FILE_NAME.fullmatch(text):
        pattern = f"*{text}" if text.startswith(".") else text
        return None if any(matches(Path(path).name, pattern) for path in files()) else "no file of this name"
    if DOTTED.fullmatch(text):
        return dotted_problem(text, span.file)
    if "/" in text and PATH.fullmatch(text):
        return path_problem(text)
    return words_problem(text, span.file)


def is_known(name: str, file: str) -> bool:
    """Return whether a name stands in the code of the same file, or can be looked up from anywhere."""
    return name in definitions() or (not file.endswith(".md") and name in words_in(file))


def option_exists(option: str) -> bool:
    """Return whether code names an option, as text or as the parameter that becomes the option."""
    return option in code() or option.strip("-").replace("-", "_") in definitions()


def dotted_problem(name: str, file: str) -> str | None:
    """Return what is wrong with a name that has dots."""
    first, *rest = name.split(".")
    if first in PYTHON_PACKAGES:
        return None if dotted_name_exists(name) else "no such module, or it defines no such name"
    if library_name_exists(name) or name in code():
        return None
    if first in members():
        return None if rest[0] in members()[first] else f"{first} has no such member"
    return None if all(is_known(part, file) for part in (first, *rest)) else "no code has this name"


def path_problem(path: str) -> str | None:
    """Return what is wrong with a path from the root of the repository, or with a text that looks like one."""
    if path.split("/")[0] in UNTRACKED:
        return None
    if path.split("/")[0] in TOP:
        wanted = path.rstrip("/")
        return None if any(matches(each, wanted) for each in (*files(), *folders())) else "no such file or folder"
    return (
        None if path in code() or all(part in definitions() for part in NAME.findall(path)) else "no code has this text"
    )


def matches(path: str, pattern: str) -> bool:
    """Return whether a path is meant; `*` and `…` stand for anything, N for a digit of a number."""
    return fnmatch(path, re.sub(r"(?<=\d)N", "?", pattern.replace("…", "*")))


def words_problem(text: str, file: str) -> str | None:
    """Return what is wrong with a phrase: it is literal text of the code, or its words are names, as in commands."""
    if text in code():
        return None
    for word in text.split():
        if (OPTION.fullmatch(word) or (NAME.fullmatch(word) and not word.isupper())) and (
            problem := problem_of(Span(file, 0, word))
        ):
            return f"{word}: {problem}"
    return None


def test_names_in_backticks_exist() -> None:
    current = (span for span in spans() if not span.file.startswith(HISTORY))
    wrong = [f"{span}: {problem}" for span in current if (problem := problem_of(span))]
    assert not wrong, "\n".join(["stale names:", *wrong])


def test_exceptions_are_still_needed() -> None:
    # One test beside the one before, so that one process looks up all names.
    for name in sorted(NOT_OURS):
        named = {span.file for span in spans() if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", span.text)}
        assert named, f"nothing names {name} any more"
        assert not all(is_known(name, file) for file in named), f"code has {name}: no exception is needed"


def test_names_that_a_document_places_in_a_file_are_there() -> None:
    wrong = [
        f"{passage.file}: `{name}` is not in `{path}`"
        for passage in passages()
        for path, names in IN_FILE.findall(passage.text)
        for name in re.findall(r"`([\w.]+)`", names)
        if path in files() and name.split(".")[-1] not in words_in(path)
    ]
    assert not wrong, "\n".join(wrong)


def test_commands_in_prose_exist() -> None:
    wrong = []
    for passage in passages():
        for module in MODULE.findall(passage.text):
            ours = module.split(".")[0] in PYTHON_PACKAGES
            if ours and module not in modules():
                wrong.append(f"{passage.file}:{passage.line}: no module {module} to run")
        for span in re.findall(r"`(?:[A-Z_]+=\S+ )*(make [^`]+)`", passage.text):
            named = [word for word in span.split()[1:] if re.fullmatch(r"[a-z-]+", word)]
            wrong += [f"{passage.file}:{passage.line}: no make target {name}" for name in named if name not in TARGETS]
    assert not wrong, "\n".join(wrong)


def test_the_tests_that_ci_names_exist() -> None:
    named = re.findall(r"tests/[\w/]+(?:\.py)?", read(".ci/run"))
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", documents())
def test_links_and_their_anchors_lead_somewhere(document: str) -> None:
    wrong = []
    for link in LINK.findall(read(document)):
        path, _, anchor = link.partition("#")
        target = (ROOT / document).parent / path if path else ROOT / document
        if not target.exists():
            wrong.append(f"{link}: no such file")
        elif anchor and anchor not in anchors(target):
            wrong.append(f"{link}: no such heading")
    assert not wrong, "\n".join(wrong)


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub and the docs site make them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
