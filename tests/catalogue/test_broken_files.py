"""One broken file per rule. Each states at its top the exact problems that must be found in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.catalogue.loader import load
from shared.catalogue.problem import CatalogueInvalid

BROKEN = sorted(Path(__file__).with_name("broken").iterdir())
EXPECT = b"# expect: "


def expected(file: Path) -> list[str]:
    lines = file.read_bytes().splitlines()
    return [line.removeprefix(EXPECT).decode() for line in lines if line.startswith(EXPECT)]


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.stem)
def test_a_broken_file_is_refused_with_exactly_its_problems(file: Path) -> None:
    with pytest.raises(CatalogueInvalid) as refused:
        load(file)
    found = [problem._replace(file="", line=None) for problem in refused.value.problems]
    assert sorted(map(str, found)) == sorted(expected(file))
    assert {problem.file for problem in refused.value.problems} == {str(file)}


def test_every_broken_file_states_its_expected_problems() -> None:
    assert BROKEN
    assert [file.name for file in BROKEN if not expected(file)] == []
