"""The form of what is written for people."""

from __future__ import annotations

import re

from shared.runtime.version import VERSION
from tests.docs.test_names_resolve import HISTORY
from tests.support.prose import files, passages, read

FRAGMENT = re.compile(r"(What|Whether|How|Of|Who|Where) ")
TEST_NAME = re.compile(r"^(?:async )?def test_(\w+)\(", re.MULTILINE)
DIALECT = re.compile(r"\b(anew|is so already|so many|unwell|seldom|(?<!`)nobody|(un)?answer(s|ed)?)\b", re.IGNORECASE)

SYNONYMS = {"acceptance window": r"accepted\s+window", "packed completion": r"settled\s+completion"}
"""Expressions that stand for a term of the glossary, by the term."""


def test_docstrings_and_comments_are_sentences_or_noun_phrases() -> None:
    written = [each for each in passages() if not each.file.endswith(".md")]
    assert [f"{each.file}:{each.line}" for each in written if FRAGMENT.match(each.text)] == []


def test_meanings_of_settings_are_sentences_or_noun_phrases() -> None:
    rows = [line.split(" | ")[-1] for line in read("docs/settings.md").splitlines() if line.startswith("| `")]
    assert [meaning for meaning in rows if FRAGMENT.match(meaning)] == []


def test_words_are_those_of_the_field() -> None:
    current = (each for each in passages() if not each.file.startswith(HISTORY))
    assert [f"{each.file}:{each.line}: {found[0]}" for each in current if (found := DIALECT.search(each.text))] == []


def test_one_word_stands_for_one_thing() -> None:
    current = [each for each in passages() if not each.file.startswith(HISTORY)]
    found = [
        f"{each.file}: say {term}"
        for term, synonym in SYNONYMS.items()
        for each in current
        if re.search(synonym, each.text, re.IGNORECASE)
    ]
    assert found == []


def test_names_of_tests_are_sentences() -> None:
    named = [(path, name) for path in files() if path.startswith("tests/") for name in TEST_NAME.findall(read(path))]
    fragments = [f"{path}: {name}" for path, name in named if FRAGMENT.match(name.replace("_", " ").capitalize())]
    assert fragments == []
    assert [f"{path}: {name}" for path, name in named if DIALECT.search(name.replace("_", " "))] == []


def test_the_changelog_has_the_current_version() -> None:
    assert f"## [{VERSION}]" in read("CHANGELOG.md")
