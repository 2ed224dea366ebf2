"""The form of what is written for people."""

from __future__ import annotations

import re

from shared.runtime.version import VERSION
from tests.docs.test_names_resolve import HISTORY
from tests.support.prose import docstrings, passages, read

FRAGMENT = re.compile(r"(What|Whether|How|Of|Who|Where|Answers) ")
DIALECT = re.compile(r"\b(anew|is so already|so many|unwell|[Aa]nswers (the|of|a))\b")


def test_docstrings_are_sentences_or_noun_phrases() -> None:
    assert [f"{each.file}:{each.line}" for each in docstrings() if FRAGMENT.match(each.text)] == []


def test_words_are_those_of_the_field() -> None:
    current = (each for each in passages() if not each.file.startswith(HISTORY))
    assert [f"{each.file}:{each.line}: {found[0]}" for each in current if (found := DIALECT.search(each.text))] == []


def test_the_changelog_has_the_current_version() -> None:
    assert f"## [{VERSION}]" in read("CHANGELOG.md")
