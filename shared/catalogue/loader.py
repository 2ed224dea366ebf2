"""Loading of catalogue files into a validated catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from shared.catalogue.document import Document, Place
from shared.catalogue.draft import draft_of
from shared.catalogue.leaderboard_building import leaderboard_of
from shared.catalogue.lookalikes import lookalikes
from shared.catalogue.outages import Outages
from shared.catalogue.pool_rules import small_pools
from shared.catalogue.problem import CatalogueInvalid, Problem, ProblemList
from shared.catalogue.reading import ignored_entries, read
from shared.catalogue.rules import RULES, RULES_FOR_COMPLETE_CATALOGUES
from shared.catalogue.schedule_building import schedule_of, seasons_of
from shared.catalogue.schema import (
    CatalogueForm,
    ChallengeForm,
    DerivedStatForm,
    GoalForm,
    GoalSource,
    RewardForm,
    TierForm,
)
from shared.catalogue.time_fields import JoinTime
from shared.catalogue.transfer import Loaded
from shared.catalogue.version import version_of
from shared.catalogue.wording import form_of, schema_problems
from shared.domain.cascades import counted_stat
from shared.domain.catalogue import Catalogue, Challenge
from shared.domain.goal import Aspect, CountedGoals, Counting, DerivedStat, Goal, Source, Stat
from shared.domain.instant import Instant
from shared.domain.leaderboard import Leaderboard
from shared.domain.pools import Pool
from shared.domain.reward import Meta, Reward, Tier
from shared.domain.schedules import LIFETIME, Schedule
from shared.domain.time_zones import UTC_ZONE, instant_of

COUNTINGS = {GoalSource.GOALS: Counting.EVENTS, GoalSource.POINTS: Counting.SUM}
"""The counting of goals over goals and over points, which is not written."""


def load(path: Path, *, pipe_allowed: bool = False) -> Catalogue:
    """Return the catalogue in one YAML or JSON file, or in all such files of a folder, sorted by name.

    Raise `CatalogueInvalid` with the problems of all files, and nothing else, whatever the files contain.
    `pipe_allowed` lets `path` be a pipe, such as the output of another command.
    """
    found = list(read(path, pipe_allowed=pipe_allowed))
    documents = [document for document in found if isinstance(document, Document)]
    problems = ProblemList((problem for problem in found if isinstance(problem, Problem)), in_reading_order=True)
    complete = not problems.count

    for document in documents:
        problems.add(Place(document, fault.location).problem(fault.message, fault.line) for fault in document.faults)
        problems.add(schema_problems(document))
    if problems.is_full:
        raise CatalogueInvalid(problems)
    draft = draft_of(documents)
    for rule in (*RULES, *RULES_FOR_COMPLETE_CATALOGUES) if complete else RULES:
        problems.add(rule(draft))
    if problems.count:
        raise CatalogueInvalid(problems)
    return _catalogue(map(form_of, documents))


def load_with_warnings(path: Path) -> Loaded:
    """Return the catalogue at a path, and the warnings about it. Raise `CatalogueInvalid` like `load`."""
    catalogue = load(path)
    return Loaded(catalogue, warnings_about(path, catalogue))


def warnings_about(path: Path, catalogue: Catalogue) -> tuple[Problem, ...]:
    """Return what the author should know of a catalogue that was loaded from `path`, although it can be used."""
    warnings = ProblemList(ignored_entries(path))
    warnings.add(lookalikes(catalogue))
    warnings.add(small_pools(catalogue))
    return warnings.reported()


def _catalogue(forms: Iterable[CatalogueForm]) -> Catalogue:
    challenges: list[Challenge] = []
    stats: list[str] = []
    derived: list[DerivedStat] = []
    boards: list[Leaderboard] = []
    found = list(forms)
    seasons = seasons_of(run for form in found for run in form.seasons)
    schedules = {each.id: schedule_of(each, seasons) for form in found for each in form.schedules}
    for form in found:
        stats += (stat for stat in form.stats if isinstance(stat, str))
        derived += (_derived_stat(stat) for stat in form.stats if not isinstance(stat, str))
    by_id = {stat.id: stat for stat in derived}
    outages = Outages((outage for form in found for outage in form.outages), by_id)
    for form in found:
        challenges += (_challenge(challenge, schedules, by_id, outages) for challenge in form.challenges)
        boards += (leaderboard_of(board, schedules, by_id) for board in form.leaderboards)
    times = tuple(schedules.values()), tuple(seasons.values())
    version = version_of(challenges, stats, boards, *times, derived)
    return Catalogue(
        version, tuple(challenges), frozenset(stats), tuple(boards), *times, tuple(_with_aspects(derived, challenges))
    )


def _with_aspects(derived: Sequence[DerivedStat], challenges: Iterable[Challenge]) -> dict[DerivedStat, None]:
    """Return the derived stats, and the aspects that goals look at."""
    looked_at = (goal.derived for challenge in challenges for goal in challenge.goals if goal.derived is not None)
    return dict.fromkeys([*derived, *looked_at])


def _derived_stat(form: DerivedStatForm) -> DerivedStat:
    where = sorted((key, tuple(sorted(values))) for key, values in form.where.items())
    return DerivedStat(form.id, Stat(Source.STAT, form.base), tuple(where))


def _challenge(
    form: ChallengeForm, schedules: Mapping[str, Schedule], derived: Mapping[str, DerivedStat], outages: Outages
) -> Challenge:
    goals = tuple(_goal(goal, form, schedules, derived, outages) for goal in form.goals)
    pool = Pool(form.select, form.no_repeat, form.rerolls) if form.select is not None else None
    return Challenge(
        id=form.id,
        name=form.name,
        description=form.description,
        goals=goals,
        pool=pool,
        max_active=form.max_active,
        cooldown=form.cooldown,
        meta=_meta(form.meta),
    )


def _meta(entries: Mapping[str, str]) -> Meta:
    return tuple(sorted(entries.items()))


def _goal(
    form: GoalForm,
    challenge: ChallengeForm,
    schedules: Mapping[str, Schedule],
    derived: Mapping[str, DerivedStat],
    outages: Outages,
) -> Goal:
    schedule_id = form.schedule or challenge.schedule
    schedule = schedules[schedule_id] if schedule_id else LIFETIME
    looked_at = _looked_at(form, derived)
    tiers = tuple(map(_tier, form.tiers))
    reward, *further_rewards = tiers[0].rewards if tiers else _rewards(form)
    return Goal(
        id=form.id,
        challenge_id=challenge.id,
        name=form.name,
        description=form.description,
        stat=_stat(form) if looked_at is None else looked_at.stat,
        counting=_counting(form),
        target=tiers[-1].target if tiers else form.target or 1,
        at_most=form.at_most,
        reward=reward,
        further_rewards=() if tiers else tuple(further_rewards),
        tiers=tiers,
        default_assigned=form.default_assigned,
        requires=tuple(form.requires),
        requires_to_activate=tuple(form.requires_to_activate),
        points=form.points,
        schedule=schedule,
        suspended=form.suspended or challenge.suspended,
        tags=tuple(form.tags),
        claim_mode=form.claim,
        in_pool=challenge.select is not None,
        weight=form.weight,
        hidden=form.hidden,
        meta=_meta(form.meta),
        repeat=form.repeat or 1,
        joins=0 if form.joins is None else _instant(form.joins, schedule),
        derived=looked_at,
        counts=_counted(form) if form.source in COUNTINGS else None,
        streak=outages.rule_of(form),
        credit=form.credit,
    )


def _rewards(form: GoalForm | TierForm) -> tuple[Reward, ...]:
    return tuple(map(_reward, form.rewards if form.reward is None else [form.reward]))


def _tier(form: TierForm) -> Tier:
    return Tier(form.id, form.target, _rewards(form), form.points, _meta(form.meta))


def _reward(form: RewardForm) -> Reward:
    return Reward(form.type, form.id, form.quantity, form.priority, _meta(form.meta), form.requires_attribute)


ASPECTS = {
    Counting.DISTINCT: Aspect.DISTINCT,
    Counting.LOWEST: Aspect.LOWEST,
    Counting.GROWTH: Aspect.GROWTH,
}
"""The countings that look at an aspect of events, which has a tally of its own."""


def _looked_at(form: GoalForm, derived: Mapping[str, DerivedStat]) -> DerivedStat | None:
    """Return the derived stat that a goal looks at, or the aspect of its stat; None for a plain stat."""
    of = derived.get(form.stat)
    aspect = None if form.count is None else ASPECTS.get(form.count)
    if aspect is None:
        return of
    base = Stat(Source(form.source.value), form.stat) if of is None else of.base
    return DerivedStat(form.stat or form.source.value, base, () if of is None else of.where, aspect, form.attribute)


def _stat(form: GoalForm) -> Stat:
    if form.source in COUNTINGS:
        return counted_stat(Source.GOAL if form.source is GoalSource.GOALS else Source.POINTS, _counted(form))
    return Stat(Source(form.source.value), form.stat)


def _counted(form: GoalForm) -> CountedGoals:
    return CountedGoals(form.challenge, form.tag, tuple(form.goals))


def _counting(form: GoalForm) -> Counting:
    counting = form.count or COUNTINGS.get(form.source)
    if counting is None:
        raise ValueError("a rule has let a goal without a count pass")
    return counting


def _instant(joins: JoinTime, schedule: Schedule) -> Instant:
    """Return the instant of a join time: a date begins at midnight in the schedule's zone."""
    if joins.instant is not None:
        return joins.instant
    zone = schedule.recurrence.zone if schedule.recurrence is not None else UTC_ZONE
    return instant_of(joins.day or 0, 0, zone)
