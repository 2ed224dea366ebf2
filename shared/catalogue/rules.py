"""Rules about how values of a catalogue relate to each other, one function each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from shared.catalogue.cascade_rules import CASCADE_RULES, CASCADE_RULES_FOR_COMPLETE_CATALOGUES
from shared.catalogue.content import TextDraft
from shared.catalogue.counting_rules import COUNTING_RULES
from shared.catalogue.cycles import cycle_path, cycles
from shared.catalogue.derived_stat_rules import DERIVED_STAT_RULES
from shared.catalogue.document import Place
from shared.catalogue.draft import CatalogueDraft, GoalDraft
from shared.catalogue.limit_rules import LIMIT_RULES
from shared.catalogue.pool_rules import POOL_RULES
from shared.catalogue.problem import Problem
from shared.catalogue.reward_rules import REWARD_RULES
from shared.catalogue.schedule_rules import (
    SCHEDULE_RULES,
    SCHEDULE_RULES_FOR_COMPLETE_CATALOGUES,
    SCHEDULES_MAX,
    SEASON_RUNS_MAX,
)
from shared.catalogue.schema import GoalSource, LeaderboardCounting, Over
from shared.catalogue.sizes import CHALLENGE_BYTES_MAX
from shared.catalogue.step_rules import STEP_RULES
from shared.catalogue.streak_rules import STREAK_RULES, STREAK_RULES_FOR_COMPLETE_CATALOGUES
from shared.catalogue.unique import shown, unique
from shared.domain.goal import Counting, Source

CHALLENGES_MAX = 1_000
GOALS_MAX = 10_000
DECLARED_STATS_MAX = 1_000
LEADERBOARDS_MAX = 100
"""Maximum number of leaderboards: each is ranked again at every refresh of the ranking that serves without Redis."""

Rule: TypeAlias = Callable[[CatalogueDraft], Iterator[Problem]]

_WITHOUT_STAT = frozenset(GoalSource) - {GoalSource.STAT}
_COUNTS_NUMBERS = frozenset({Counting.LATEST, Counting.HIGHEST, Counting.SUM, Counting.LOWEST, Counting.GROWTH})
"""The countings that need a value or a delta."""


def challenge_ids_are_unique(draft: CatalogueDraft) -> Iterator[Problem]:
    return unique((challenge.place.at("id"), challenge.id) for challenge in draft.challenges)


def goal_ids_are_unique(draft: CatalogueDraft) -> Iterator[Problem]:
    return unique((goal.place.at("id"), goal.id) for goal in draft.goals)


def declared_stats_are_unique(draft: CatalogueDraft) -> Iterator[Problem]:
    return unique(draft.stats)


def prerequisites_are_unique(draft: CatalogueDraft) -> Iterator[Problem]:
    for goal in draft.goals:
        yield from unique(goal.requires)
        yield from unique(goal.requires_to_activate)


def prerequisites_exist(draft: CatalogueDraft) -> Iterator[Problem]:
    ids = {goal.id for goal in draft.goals}
    for goal in draft.goals:
        for place, required in (*goal.requires, *goal.requires_to_activate):
            if required not in ids:
                yield place.problem(f"there is no goal {shown(required)}")


def no_goal_requires_itself(draft: CatalogueDraft) -> Iterator[Problem]:
    for goal in draft.goals:
        for place, required in (*goal.requires, *goal.requires_to_activate):
            if required == goal.id:
                yield place.problem("a goal cannot require itself")


def prerequisites_have_no_cycle(draft: CatalogueDraft) -> Iterator[Problem]:
    yield from _cycles(draft, "requires", lambda goal: goal.requires)
    yield from _cycles(draft, "requires_to_activate", lambda goal: goal.requires_to_activate)


def _cycles(
    draft: CatalogueDraft, key: str, required_by: Callable[[GoalDraft], Iterable[TextDraft]]
) -> Iterator[Problem]:
    places = {goal.id: goal.place for goal in reversed(draft.goals) if goal.id is not None}
    required = {
        goal.id: [prerequisite.text for prerequisite in required_by(goal) if prerequisite.text != goal.id]
        for goal in draft.goals
        if goal.id is not None
    }
    for cycle in cycles(required):
        yield places[cycle[0]].at(key).problem(f"goals require each other in a cycle: {cycle_path(cycle)}")


def stat_goals_have_a_stat(draft: CatalogueDraft) -> Iterator[Problem]:
    for goal in draft.goals:
        if goal.source == Source.STAT and "stat" not in goal.content:
            yield goal.place.at("stat").problem("is required with source: stat")


def only_stat_goals_have_a_stat(draft: CatalogueDraft) -> Iterator[Problem]:
    for goal in draft.goals:
        if goal.source in _WITHOUT_STAT and "stat" in goal.content:
            yield goal.place.at("stat").problem("is only for source: stat")


def login_goals_count_events_or_days(draft: CatalogueDraft) -> Iterator[Problem]:
    for goal in draft.goals:
        if goal.source == Source.LOGIN and goal.count in _COUNTS_NUMBERS:
            yield goal.place.at("count").problem(
                "must be 'events', 'days', 'streak' or 'distinct': a login has no value and no delta"
            )


def tags_are_unique(draft: CatalogueDraft) -> Iterator[Problem]:
    for goal in draft.goals:
        yield from unique(goal.tags)


def leaderboard_ids_are_unique(draft: CatalogueDraft) -> Iterator[Problem]:
    return unique((board.place.at("id"), board.id) for board in draft.leaderboards)


def leaderboards_over_points_have_no_stat_or_count(draft: CatalogueDraft) -> Iterator[Problem]:
    for board in draft.leaderboards:
        if board.over != Over.POINTS:
            continue
        for key in ("stat", "count"):
            if key in board.keys:
                yield board.place.at(key).problem("is not for over: points")
        if {"challenge", "tag"} <= board.keys:
            yield board.place.at("tag").problem("a leaderboard is over a challenge or a tag, not both")


def leaderboards_over_events_have_a_count(draft: CatalogueDraft) -> Iterator[Problem]:
    for board in draft.leaderboards:
        if board.over not in (Over.LOGIN, Over.STAT):
            continue
        for key in ("challenge", "tag"):
            if key in board.keys:
                yield board.place.at(key).problem("is only for over: points")
        if "count" not in board.keys:
            yield board.place.at("count").problem("is required unless over: points")
        if board.over == Over.STAT and "stat" not in board.keys:
            yield board.place.at("stat").problem("is required with over: stat")
        if board.over == Over.LOGIN and "stat" in board.keys:
            yield board.place.at("stat").problem("is only for over: stat")


def login_leaderboards_count_events_or_days(draft: CatalogueDraft) -> Iterator[Problem]:
    for board in draft.leaderboards:
        if board.over == Over.LOGIN and board.count in (LeaderboardCounting.SUM, LeaderboardCounting.HIGHEST):
            yield board.place.at("count").problem("must be 'events' or 'days': a login has no value and no delta")


def challenges_and_tags_of_leaderboards_exist(draft: CatalogueDraft) -> Iterator[Problem]:
    challenges = {challenge.id for challenge in draft.challenges}
    tags = {tag.text for goal in draft.goals for tag in goal.tags}
    for board in draft.leaderboards:
        if board.challenge is not None and board.challenge not in challenges:
            yield board.place.at("challenge").problem(f"there is no challenge {shown(board.challenge)}")
        if board.tag is not None and board.tag not in tags:
            yield board.place.at("tag").problem(f"no goal has the tag {shown(board.tag)}")


def there_is_a_challenge(draft: CatalogueDraft) -> Iterator[Problem]:
    roots = [document.value for document in draft.documents]
    if all(isinstance(root, dict) and root.get("challenges", []) == [] for root in roots):
        yield Place(draft.documents[0], ("challenges",)).problem("a catalogue needs at least one challenge")


def sizes_are_bounded(draft: CatalogueDraft) -> Iterator[Problem]:
    for what, parts, maximum in (
        ("challenges", draft.challenges, CHALLENGES_MAX),
        ("goals", draft.goals, GOALS_MAX),
        ("declared stats", draft.stats, DECLARED_STATS_MAX),
        ("leaderboards", draft.leaderboards, LEADERBOARDS_MAX),
        ("schedules", draft.schedules, SCHEDULES_MAX),
        ("runs of seasons", draft.season_runs, SEASON_RUNS_MAX),
    ):
        if len(parts) > maximum:
            yield parts[maximum].place.problem(f"a catalogue can have at most {maximum:,} {what}")


def challenges_fit_into_a_response(draft: CatalogueDraft) -> Iterator[Problem]:
    for challenge in draft.challenges:
        if challenge.response_size > CHALLENGE_BYTES_MAX:
            yield challenge.place.problem(
                f"takes up to {challenge.response_size / 1024**2:.1f} MiB in a response, more than "
                f"{CHALLENGE_BYTES_MAX / 1024**2:.1f} MiB, and gRPC clients refuse more than 4 MiB by default: "
                "divide the challenge or shorten its texts"
            )


RULES: tuple[Rule, ...] = (
    challenge_ids_are_unique,
    goal_ids_are_unique,
    declared_stats_are_unique,
    prerequisites_are_unique,
    no_goal_requires_itself,
    prerequisites_have_no_cycle,
    stat_goals_have_a_stat,
    only_stat_goals_have_a_stat,
    login_goals_count_events_or_days,
    tags_are_unique,
    leaderboard_ids_are_unique,
    leaderboards_over_points_have_no_stat_or_count,
    leaderboards_over_events_have_a_count,
    login_leaderboards_count_events_or_days,
    sizes_are_bounded,
    *SCHEDULE_RULES,
    *POOL_RULES,
    *LIMIT_RULES,
    *DERIVED_STAT_RULES,
    *COUNTING_RULES,
    *CASCADE_RULES,
    *STEP_RULES,
    *STREAK_RULES,
    *REWARD_RULES,
    challenges_fit_into_a_response,
)

RULES_FOR_COMPLETE_CATALOGUES: tuple[Rule, ...] = (
    there_is_a_challenge,
    prerequisites_exist,
    challenges_and_tags_of_leaderboards_exist,
    *SCHEDULE_RULES_FOR_COMPLETE_CATALOGUES,
    *CASCADE_RULES_FOR_COMPLETE_CATALOGUES,
    *STREAK_RULES_FOR_COMPLETE_CATALOGUES,
)
"""Rules that require something to exist. They are skipped if a file could not be read, because it may contain it."""
