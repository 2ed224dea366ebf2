"""The version depends on the definitions and nothing else."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from shared.catalogue.loader import load

from .documents import Mapping, document, documents, goal, loaded, loaded_text, neighbours


@st.composite
def rewritten(draw: st.DrawFn) -> tuple[Mapping, str, str]:
    """Draw a document, and the name and text of a file with the same content in another form."""

    def shuffled(value: Any) -> Any:
        if isinstance(value, list):
            return [shuffled(each) for each in value]
        if not isinstance(value, dict):
            return value
        defaults = {"description": "", "default_assigned": False, "requires": []} if "target" in value else {}
        return {key: shuffled(each) for key, each in draw(st.permutations([*(defaults | value).items()]))}

    content = draw(documents())
    other = shuffled(content)
    if draw(st.booleans()):
        return content, "catalogue.json", json.dumps(other, indent=draw(st.sampled_from([None, 1, 4])))
    text = yaml.safe_dump(
        other,
        sort_keys=False,
        default_flow_style=draw(st.sampled_from([None, True, False])),
        allow_unicode=draw(st.booleans()),
        width=draw(st.sampled_from([20, 200])),
    )
    return content, "catalogue.yaml", f"# A comment\n\n{text}"


@given(rewritten())
def test_equivalent_documents_have_the_same_version(rewriting: tuple[Mapping, str, str]) -> None:
    content, name, text = rewriting
    assert loaded_text(text, name).version == loaded(content).version


@given(neighbours())
def test_versions_are_equal_if_and_only_if_the_definitions_are(pair: tuple[Mapping, Mapping]) -> None:
    first, second = map(loaded, pair)
    one, other = (
        # Schedules are equal if their texts are, which leave out what may change.
        (each.challenges, each.declared_stats, each.leaderboards, repr(each.schedules), each.seasons)
        for each in (first, second)
    )
    assert (first.version == second.version) == (one == other)


@given(documents(), st.data())
def test_splitting_into_files_keeps_the_version(content: Mapping, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(content["challenges"])))
    with tempfile.TemporaryDirectory() as folder:
        parts = {"a": {**content, "challenges": content["challenges"][:cut]}}
        parts["b"] = {"challenges": content["challenges"][cut:]}
        for name, part in parts.items():
            Path(folder, f"{name}.json").write_text(json.dumps(part))
        assert load(Path(folder)).version == loaded(content).version


def test_the_order_of_goals_is_part_of_the_version() -> None:
    forth, back = document(goal("win"), goal("lose")), document(goal("lose"), goal("win"))
    assert loaded(forth).version != loaded(back).version


def test_the_order_of_declared_stats_is_not_part_of_the_version() -> None:
    forth, back = document(goal(), stats=["a", "b"]), document(goal(), stats=["b", "a"])
    assert loaded(forth).version == loaded(back).version


def test_a_version_is_32_hexadecimal_digits() -> None:
    version = loaded(document(goal())).version
    assert len(version) == 32
    assert set(version) <= set("0123456789abcdef")
