"""The shipped catalogues match their descriptions."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from shared.catalogue.loader import load
from shared.catalogue.pool_rules import small_pools
from shared.domain.catalogue import Catalogue
from shared.domain.goal import LOGIN, Aspect, CountedGoals, Counting, Credit, DerivedStat, Source, Stat
from shared.domain.instant import HOUR, to_datetime, to_day
from shared.domain.pools import Pool
from shared.domain.reward import Reward, RewardType
from shared.domain.streaks import StreakRule
from tests.support.strategies import COUNTINGS

from .documents import loaded_text

ROOT = Path(__file__).parents[2]
CATALOGUES = ROOT / "catalogues"
GENERATOR = CATALOGUES / "generate_load.py"


def generated(*arguments: str | Path) -> str:
    command = [sys.executable, str(GENERATOR), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8").stdout


def documented_goals() -> list[Catalogue]:
    """Return the examples of the page about goals."""
    page = (ROOT / "docs" / "goals.md").read_text("utf-8")
    return [loaded_text(example) for example in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]


def test_every_counting_has_an_example() -> None:
    examples = [load(CATALOGUES / "demo.yaml"), *documented_goals()]
    assert {goal.counting for example in examples for goal in example.goals.values()} == set(Counting)


def test_the_demo_catalogue_uses_every_feature() -> None:
    demo = load(CATALOGUES / "demo.yaml")
    goals = demo.goals.values()
    assert {goal.counting for goal in goals} >= set(COUNTINGS)
    assert {goal.stat.source for goal in goals} >= {*Source} - {Source.DERIVED}
    assert {goal.reward.type for goal in goals} == set(RewardType)
    assert {goal.default_assigned for goal in goals} == {True, False}
    assert any(demo.goals[required].challenge_id != goal.challenge_id for goal in goals for required in goal.requires)
    assert all(goal.description for goal in goals)
    assert demo.declared_stats


def test_the_load_catalogue_is_the_output_of_its_script() -> None:
    assert (CATALOGUES / "load.yaml").read_text("utf-8") == generated()


def test_the_load_catalogue_follows_its_rule() -> None:
    load_catalogue = load(CATALOGUES / "load.yaml")
    stats = ["enemy_kills", "games_played", "headshots", "wins"]
    kinds = [(LOGIN, Counting.EVENTS, 1)]
    kinds += [(Stat(Source.STAT, code), Counting.LATEST, step) for code, step in zip(stats, (10, 2, 5, 1), strict=True)]
    assert [challenge.id for challenge in load_catalogue.challenges] == [f"challenge-{n:03}" for n in range(1, 11)]
    for index, challenge in enumerate(load_catalogue.challenges):
        assert [goal.id for goal in challenge.goals] == [f"{challenge.id}-goal-{g:02}" for g in range(1, 51)]
        stat, counting, step = kinds[index % 5]
        for g, goal in enumerate(challenge.goals, start=1):
            assert (goal.stat, goal.counting, goal.target) == (stat, counting, step * g)
            assert goal.default_assigned == (g == 1)
            assert goal.requires == ()
    assert len(load_catalogue.default_goals) == 10


@pytest.mark.parametrize(
    ("g", "reward"),
    [
        (1, Reward(RewardType.WALLET, "GEMS", 10)),
        (5, Reward(RewardType.ITEM, "LOOTBOX_SILVER", 1)),
        (10, Reward(RewardType.WALLET, "GEMS", 500)),
        (45, Reward(RewardType.ITEM, "LOOTBOX_SILVER", 1)),
        (49, Reward(RewardType.WALLET, "GEMS", 490)),
        (50, Reward(RewardType.WALLET, "GEMS", 2_500)),
    ],
)
def test_the_load_catalogue_follows_the_reward_rule(g: int, reward: Reward) -> None:
    for challenge in load(CATALOGUES / "load.yaml").challenges:
        assert challenge.goals[g - 1].reward == reward


def test_the_script_writes_other_sizes_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    generated("--challenges", "2", "--goals", "120", "--default-assigned", "3", "--output", file)
    large = load(file)
    assert [len(challenge.goals) for challenge in large.challenges] == [120, 120]
    assert len(large.default_goals) == 6
    assert large.challenges[1].goals[-1].id == "challenge-002-goal-120"


def test_the_documented_example_loads() -> None:
    page = (ROOT / "docs" / "catalogue.md").read_text("utf-8")
    (example,) = re.findall(r"```yaml\n(challenges:.*?)```", page, re.DOTALL)
    catalogue = loaded_text(example)
    assert {goal.stat.source for goal in catalogue.goals.values()} == {Source.LOGIN, Source.STAT}
    assert any(goal.requires for goal in catalogue.goals.values())
    assert len(page.splitlines()) < 140


def test_the_documented_goals_load() -> None:
    documented = documented_goals()
    archery, travels, races, levels, habits, quests, over_goals, secrets, repeating, boss, spring, autumn = documented
    [ranked_bow_kills] = archery.derived_stats
    assert ranked_bow_kills == DerivedStat(
        "ranked_bow_kills", Stat(Source.STAT, "enemy_kills"), (("mode", ("ranked",)), ("weapon", ("bow", "crossbow")))
    )
    assert {goal.stat for goal in archery.goals.values()} == {ranked_bow_kills.stat}
    assert {board.ranked for board in archery.leaderboards} == {ranked_bow_kills.stat}
    [play_5_maps] = travels.goals.values()
    assert play_5_maps.derived == DerivedStat(
        "matches_won", Stat(Source.STAT, "matches_won"), (), Aspect.DISTINCT, "map"
    )
    assert [goal.at_most for goal in races.goals.values()] == [60]
    assert [goal.derived for goal in levels.goals.values()] == [
        DerivedStat("level", Stat(Source.STAT, "level"), (), Aspect.GROWTH)
    ]
    friday, monday = (to_day(date(2026, 11, day)) for day in (20, 23))
    assert [goal.streak for goal in habits.goals.values()] == [
        StreakRule(0, (friday,)),
        StreakRule(1, (friday, monday)),
    ]
    assert [goal.credit for goal in quests.goals.values()] == [Credit.FROM_ASSIGNMENT]
    assert {goal.id: goal.counts for goal in over_goals.goals.values() if goal.counts is not None} == {
        "winter-12-dailies": CountedGoals(challenge_id="dailies"),
        "winter-100-points": CountedGoals(tag="easy"),
        "winter-both": CountedGoals(goal_ids=("winter-12-dailies", "winter-100-points")),
    }
    assert [over_goals.cascades.level_of(goal_id) for goal_id in over_goals.goals] == [0, 0, 1, 1, 2]
    assert secrets.challenges[0].meta == (("banner", "secrets.png"),)
    assert [(goal.hidden, goal.meta, goal.reward.meta) for goal in secrets.goals.values()] == [
        (True, (("icon", "key.png"), ("rarity", "epic")), (("icon", "lantern.png"),))
    ]
    assert [(goal.target, goal.repeat) for goal in repeating.goals.values()] == [(10, 5)]
    assert [[(each.id, each.priority) for each in goal.rewards_of(1)] for goal in boss.goals.values()] == [
        [("COINS", 5), ("CROWN", 1)]
    ]
    assert spring.player_attributes == ("premium",)
    assert [[tier.id for tier in goal.tiers] for goal in autumn.goals.values()] == [["leaf", "acorn"], []]


def test_the_documented_pool_loads() -> None:
    page = (ROOT / "docs" / "choosing.md").read_text("utf-8")
    limited, example = map(loaded_text, re.findall(r"```yaml\n(.*?)```", page, re.DOTALL))
    assert [(each.max_active, each.cooldown) for each in limited.challenges] == [(3, 4 * HOUR)]
    (challenge,) = example.pool_challenges
    assert challenge.pool == Pool(select=2, no_repeat=1, rerolls=1)
    assert [(goal.id, goal.weight) for goal in challenge.goals] == [("kick", 3), ("jump", 3), ("dance", 1), ("sled", 1)]
    assert [to_datetime(goal.joins).isoformat() for goal in challenge.goals][-1] == "2026-11-30T23:00:00+00:00"
    assert list(small_pools(example)) == []


def test_the_documented_schedules_load() -> None:
    page = (ROOT / "docs" / "schedules.md").read_text("utf-8")
    examples = [loaded_text(example) for example in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    texts = [{goal.id: goal.schedule.text for goal in example.goals.values()} for example in examples]
    assert texts == [
        {"win-today": "day@05:00/Europe/Paris", "win-20-in-a-week": "week:tue/UTC"},
        {"weekend-wins": "week/UTC;window=sat,sun", "happy-win": "day/Asia/Tokyo;window=@18:00-20:00"},
        {"snowmen": "lifetime;season=winter", "snowman-of-the-day": "day/UTC;season=winter"},
        {"win-before-midnight": "day/player(Europe/Paris)"},
    ]
    assert [board.schedule.text for example in examples for board in example.leaderboards] == [
        "week:tue/UTC",
        "lifetime;season=winter",
    ]
