"""Loading of valid files, and the places of problems in invalid ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.catalogue.loader import load
from shared.catalogue.problem import CatalogueInvalid, Problem
from shared.domain.catalogue import Challenge
from shared.domain.goal import LOGIN, Counting, Goal, Source, Stat
from shared.domain.reward import Reward, RewardType

from .documents import document, goal, loaded, loaded_text, problems_in, write_json


def test_every_value_of_a_document_is_loaded() -> None:
    content = document(
        goal("log-in", source="login", stat=None, count="days", target=7, default_assigned=True),
        goal(
            "win", description="Win!\nTwice.", requires=["log-in"], reward={"type": "ITEM", "id": "BOX", "quantity": 2}
        ),
        stats=["losses"],
    )
    content["challenges"][0]["description"] = "Fight"
    catalogue = loaded(content)
    reward = Reward(RewardType.WALLET, "GEMS", 10)
    assert catalogue.challenges == (
        Challenge(
            id="arena",
            name="Arena",
            description="Fight",
            goals=(
                Goal("log-in", "arena", "Win", "", LOGIN, Counting.DAYS, 7, reward, default_assigned=True),
                Goal(
                    "win",
                    "arena",
                    "Win",
                    "Win!\nTwice.",
                    Stat(Source.STAT, "wins"),
                    Counting.SUM,
                    3,
                    Reward(RewardType.ITEM, "BOX", 2),
                    requires=("log-in",),
                ),
            ),
        ),
    )
    assert catalogue.declared_stats == {"losses"}


def test_plain_scalars_mean_the_same_as_in_json() -> None:
    text = """
    challenges:
      - id: no
        name: 1:30
        goals: [{id: on, name: 2024-02-29, source: stat, stat: 0x1F, count: sum, target: 3,
                 reward: {type: ITEM, id: 010, quantity: 1}}]
    """
    challenge = loaded_text(text).challenges[0]
    (only,) = challenge.goals
    assert (challenge.id, challenge.name, only.id, only.name) == ("no", "1:30", "on", "2024-02-29")
    assert (only.stat.code, only.reward.id) == ("0x1F", "010")


def test_a_folder_is_loaded_as_its_files_sorted_by_name(tmp_path: Path) -> None:
    write_json(tmp_path / "b.json", document(goal("second", requires=["first"])))
    (tmp_path / "a.yml").write_text(
        "challenges: [{id: league, name: L, goals: [{id: first, name: F, source: login, count: events, target: 1,"
        " reward: {type: ITEM, id: BOX, quantity: 1}}]}]"
    )
    (tmp_path / "c.yaml").write_text("stats: [losses]")
    (tmp_path / ".a.yml").write_text("an editor's backup: [")
    (tmp_path / "readme.txt").write_text("not a catalogue")
    (tmp_path / "old").mkdir()
    catalogue = load(tmp_path)
    assert list(catalogue.goals) == ["first", "second"]
    assert catalogue.declared_stats == {"losses"}


def test_problems_state_file_line_and_path(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.yaml"
    file.write_text("challenges:\n  - id: arena\n    name: Arena\n    goals:\n      - name: Win\n        target: 0\n")
    found = [(problem.line, problem.path, problem.message) for problem in problems_in(file)]
    assert found == [
        (5, "challenges[0].goals[0].id", "is required"),
        (5, "challenges[0].goals[0].source", "is required"),
        (5, "challenges[0].goals[0].count", "is required"),
        (5, "challenges[0].goals[0].reward", "is required, or rewards"),
        (6, "challenges[0].goals[0].target", "must be at least 1"),
    ]
    assert str(problems_in(file)[-1]) == f"{file}:6: challenges[0].goals[0].target: must be at least 1"


def test_problems_of_all_files_are_reported_together_in_order(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", document(goal("win", target=0)))
    (tmp_path / "b.yaml").write_text("challenges: [")
    write_json(tmp_path / "c.json", document(goal("win")))
    found = [(Path(problem.file).name, problem.path) for problem in problems_in(tmp_path)]
    assert found == [
        ("a.json", "challenges[0].goals[0].target"),
        ("b.yaml", ""),
        ("c.json", "challenges[0].id"),
        ("c.json", "challenges[0].goals[0].id"),
    ]
    assert f"'win' is already used at challenges[0].goals[0].id of {tmp_path / 'a.json'}" in str(
        problems_in(tmp_path)[-1]
    )


def test_missing_goals_are_not_reported_while_a_file_is_unreadable(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", document(goal("win", requires=["log-in"])))
    (tmp_path / "b.yaml").write_text("challenges: [")
    assert [Path(problem.file).name for problem in problems_in(tmp_path)] == ["b.yaml"]


def test_a_malformed_goal_still_takes_part_in_the_rules(tmp_path: Path) -> None:
    broken = goal("win", target="3", colour="red", requires=["lose"])
    file = write_json(tmp_path / "catalogue.json", document(broken, goal("lose", requires=["win", "draw"])))
    assert {(problem.path, problem.message) for problem in problems_in(file)} == {
        ("challenges[0].goals[0].target", "must be a whole number"),
        ("challenges[0].goals[0].colour", "is not a known key"),
        ("challenges[0].goals[0].requires", "goals require each other in a cycle: 'win' -> 'lose' -> 'win'"),
        ("challenges[0].goals[1].requires[1]", "there is no goal 'draw'"),
    }


def test_the_error_message_has_one_line_per_problem(tmp_path: Path) -> None:
    file = write_json(tmp_path / "catalogue.json", document(goal(target=0), goal(count="Sum")))
    with pytest.raises(CatalogueInvalid) as refused:
        load(file)
    assert str(refused.value).splitlines() == [str(problem) for problem in refused.value.problems]
    assert len(refused.value.problems) == 3


@pytest.mark.parametrize(
    ("what", "count", "place"),
    [("challenges", 1_000, "challenges[1000]"), ("goals", 10_000, "challenges[0].goals[10000]")],
)
def test_sizes_are_bounded(tmp_path: Path, what: str, count: int, place: str) -> None:
    def sized(size: int) -> Path:
        content = (
            {"challenges": [{"id": str(n), "name": "C", "goals": [goal(str(n))]} for n in range(size)]}
            if what == "challenges"
            else document(*(goal(str(n)) for n in range(size)))
        )
        return write_json(tmp_path / "catalogue.json", content)

    assert problems_in(sized(count)) == ()
    assert problems_in(sized(count + 1)) == (
        Problem(place, f"a catalogue can have at most {count:,} {what}", str(tmp_path / "catalogue.json")),
    )


def test_declared_stats_are_bounded(tmp_path: Path) -> None:
    file = write_json(tmp_path / "catalogue.json", document(goal(), stats=[str(n) for n in range(1_001)]))
    assert problems_in(file) == (
        Problem("stats[1000]", "a catalogue can have at most 1,000 declared stats", str(file)),
    )
