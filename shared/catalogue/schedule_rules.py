"""Rules about schedules and seasons, and about who uses them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from shared.catalogue.draft import CatalogueDraft, ScheduleDraft, SeasonRunDraft
from shared.catalogue.problem import Problem
from shared.catalogue.schedule_building import PERIODS
from shared.catalogue.time_fields import PLAYER_ZONE
from shared.catalogue.unique import shown, unique
from shared.domain.goal import Counting, Source
from shared.domain.instant import DAY, Instant
from shared.domain.recurrence import Every
from shared.domain.rotation import PAST_PERIODS_MAX
from shared.domain.schedules import CLAIM_GRACE_DEFAULT

SCHEDULES_MAX = 32
"""Maximum number of schedules: a list of a player looks up the current period of each."""
SEASON_RUNS_MAX = 100
SCHEDULES_OF_STAT_MAX = 4
"""Maximum number of schedules on one stat: each is another tally that an event changes."""
PLAYER_ZONE_DAYS_MAX = 7
"""Maximum length in days of a period in each player's own zone."""

_UNITS_OF_KEYS = {
    "weekday": ({Every.WEEK}, "every: week"),
    "month": ({Every.YEAR}, "every: year"),
    "month_day": ({Every.MONTH, Every.YEAR}, "every: month and every: year"),
    "anchor": ({Every.DAYS}, "every: {days: N}"),
}
_SHORTEST_DAYS = {Every.DAY: 1, Every.WEEK: 7, Every.MONTH: 28, Every.YEAR: 365}
_CLAIM_PERIODS_MAX = PAST_PERIODS_MAX - 1
"""The period that ended last is claimable in addition to those that ended within the claim grace."""
_PLAYER_CLAIM_PERIODS_MAX = 30
"""The same in each player's own zone, in which changes of the zone gain one period in fourteen, and one more."""


def schedule_ids_are_unique(draft: CatalogueDraft) -> Iterator[Problem]:
    return unique((schedule.place.at("id"), schedule.id) for schedule in draft.schedules)


def schedule_ids_are_not_words_for_periods(draft: CatalogueDraft) -> Iterator[Problem]:
    for schedule in draft.schedules:
        if schedule.id in PERIODS:
            yield schedule.place.at("id").problem("is a period of leaderboards: choose another id")


def schedules_have_different_meanings(draft: CatalogueDraft) -> Iterator[Problem]:
    ids: dict[str, str] = {}
    for schedule in draft.schedules:
        if schedule.text is None or schedule.id is None:
            continue
        first = ids.setdefault(schedule.text, schedule.id)
        if first != schedule.id:
            yield schedule.place.problem(f"means the same as schedule {shown(first)}")


def schedules_divide_time(draft: CatalogueDraft) -> Iterator[Problem]:
    for schedule in draft.schedules:
        if "every" not in schedule.keys:
            if "season" not in schedule.keys:
                yield schedule.place.at("every").problem("is required unless there is a season")
            for key in ("at", "zone", "window"):
                if key in schedule.keys:
                    yield schedule.place.at(key).problem("is only for a schedule with every")


def schedule_keys_belong_to_their_unit(draft: CatalogueDraft) -> Iterator[Problem]:
    for schedule in draft.schedules:
        if schedule.every is None and "every" in schedule.keys:
            continue
        unit = schedule.every and schedule.every.unit
        for key, (units, written) in _UNITS_OF_KEYS.items():
            if key in schedule.keys and unit not in units:
                yield schedule.place.at(key).problem(f"is only for {written}")
        if unit is Every.DAYS and "anchor" not in schedule.keys:
            yield schedule.place.at("anchor").problem("is required with every: {days: N}")


def player_zones_have_short_periods_and_no_window(draft: CatalogueDraft) -> Iterator[Problem]:
    for schedule in draft.schedules:
        if schedule.zone != PLAYER_ZONE:
            if "default_zone" in schedule.keys:
                yield schedule.place.at("default_zone").problem("is only for zone: player")
            continue
        if schedule.every is not None and not _is_short(schedule):
            yield schedule.place.at("zone").problem(
                f"'{PLAYER_ZONE}' is only for a day, a week, and up to {PLAYER_ZONE_DAYS_MAX} days"
            )
        if "window" in schedule.keys:
            yield schedule.place.at("window").problem(f"is not for zone: {PLAYER_ZONE}")


def _is_short(schedule: ScheduleDraft) -> bool:
    every = schedule.every
    return every is not None and (
        every.unit in (Every.DAY, Every.WEEK) or (every.unit is Every.DAYS and every.days <= PLAYER_ZONE_DAYS_MAX)
    )


def windows_are_sometimes_closed(draft: CatalogueDraft) -> Iterator[Problem]:
    for schedule in draft.schedules:
        if schedule.is_always_open:
            yield schedule.place.at("window").problem("is always open: give weekdays, opens or closes")


def claim_graces_span_few_periods(draft: CatalogueDraft) -> Iterator[Problem]:
    for schedule in draft.schedules:
        if schedule.every is None or schedule.every.unit not in (Every.DAY, Every.WEEK, Every.DAYS):
            continue
        days = 7 if schedule.every.unit is Every.WEEK else schedule.every.days
        periods = _PLAYER_CLAIM_PERIODS_MAX if schedule.zone == PLAYER_ZONE else _CLAIM_PERIODS_MAX
        maximum = days * periods
        if schedule.claim_grace_days is not None and schedule.claim_grace_days > maximum:
            yield schedule.place.at("claim_grace", "days").problem(
                f"must be at most {maximum}: the last {periods} periods can be claimed"
            )


def claim_graces_span_few_season_runs(draft: CatalogueDraft) -> Iterator[Problem]:
    """Yield the seasons of which more periods may end within one claim grace than can be claimed.

    A run is one period, or is divided into periods, of which the first and the last may be cut short.
    """
    runs: dict[str, list[tuple[Instant, Instant]]] = defaultdict(list)
    for run in draft.season_runs:
        if run.id is not None and run.starts is not None and run.ends is not None:
            runs[run.id].append((run.ends, run.starts))
    for schedule in draft.schedules:
        of_season = sorted(runs.get(schedule.season.text, ())) if schedule.season is not None else []
        days = schedule.claim_grace_days or CLAIM_GRACE_DEFAULT // DAY
        most = max((_periods_ended_within(days, end, of_season, schedule) for end, _ in of_season), default=0)
        if most > PAST_PERIODS_MAX and schedule.season is not None:
            yield schedule.season.place.problem(
                f"{most} of its periods end within the claim grace of {days} days, and the last {PAST_PERIODS_MAX} can "
                "be claimed: give a shorter claim_grace, or fewer runs"
            )


def _periods_ended_within(
    grace_days: int, until: Instant, runs: Sequence[tuple[Instant, Instant]], schedule: ScheduleDraft
) -> int:
    """Return the maximum number of periods that end in the `grace_days` days before `until`, the end of a run.

    `runs` are the season's runs, each with its end first and its start second. If only one of them ends in these days,
    it counts as one period: `claim_graces_span_few_periods` bounds the periods of a single run.
    """
    since = until - grace_days * DAY
    within = [(max(start, since), end) for end, start in runs if since < end <= until]
    if schedule.every is None or len(within) == 1:
        return len(within)
    length = _SHORTEST_DAYS.get(schedule.every.unit, schedule.every.days) * DAY
    return sum(min((end - start) // length + 2, PAST_PERIODS_MAX) for start, end in within)


def season_runs_end_after_they_start(draft: CatalogueDraft) -> Iterator[Problem]:
    for run in draft.season_runs:
        if run.starts is not None and run.ends is not None and run.ends <= run.starts:
            yield run.place.at("ends").problem("must be later than starts")


def season_runs_do_not_overlap(draft: CatalogueDraft) -> Iterator[Problem]:
    by_season: dict[str, list[tuple[int, int, SeasonRunDraft]]] = defaultdict(list)
    for index, run in enumerate(draft.season_runs):
        if run.id is not None and run.starts is not None and run.ends is not None:
            by_season[run.id].append((run.starts, index, run))
    for season_id, runs in by_season.items():
        for (_, _, earlier), (starts, _, later) in pairwise(sorted(runs, key=lambda each: each[:2])):
            if earlier.ends is not None and starts < earlier.ends:
                yield later.place.at("starts").problem(
                    f"season {shown(season_id)} has another run then, at {earlier.place}"
                )


def stats_have_few_schedules(draft: CatalogueDraft) -> Iterator[Problem]:
    texts = {schedule.id: schedule.text or schedule.id for schedule in draft.schedules}
    texts |= {word: schedule.text for word, schedule in PERIODS.items()}
    users = [(goal.source, goal.counts, goal.schedule) for goal in draft.goals]
    users += [(board.over, board.counts, board.period) for board in draft.leaderboards if board.over != "points"]
    found: dict[tuple[str | None, tuple[str | None, ...]], set[str]] = defaultdict(set)
    for source, counts, schedule in users:
        text = texts.get(schedule.text) if schedule is not None else None
        if schedule is None or text is None or text == PERIODS["all_time"].text or source is None:
            continue
        of_stat = found[source, counts]
        if len(of_stat) == SCHEDULES_OF_STAT_MAX and text not in of_stat:
            name = "logins have" if source == Source.LOGIN else f"stat {shown(counts[0] or '')} has"
            name = name if source in tuple(Source) else f"what this goal of source: {source} counts has"
            yield schedule.place.problem(f"{name} more than {SCHEDULES_OF_STAT_MAX} schedules")
        of_stat.add(text)


def goals_in_player_zones_do_not_count_days(draft: CatalogueDraft) -> Iterator[Problem]:
    player_zones = _in_player_zones(draft)
    for goal in draft.goals:
        if goal.count in (Counting.DAYS, Counting.STREAK) and goal.schedule and goal.schedule.text in player_zones:
            yield goal.place.at("count").problem(f"must not be '{goal.count}' with a schedule of zone: {PLAYER_ZONE}")


def leaderboards_have_fixed_zones(draft: CatalogueDraft) -> Iterator[Problem]:
    player_zones = _in_player_zones(draft)
    for board in draft.leaderboards:
        if board.period is not None and board.period.text in player_zones:
            yield board.period.place.problem(f"a leaderboard cannot have a schedule of zone: {PLAYER_ZONE}")


def _in_player_zones(draft: CatalogueDraft) -> set[str]:
    return {each.id for each in draft.schedules if each.zone == PLAYER_ZONE and each.id is not None}


def schedules_exist(draft: CatalogueDraft) -> Iterator[Problem]:
    ids = {schedule.id for schedule in draft.schedules}
    named = [part.own_schedule for part in draft.challenges] + [part.own_schedule for part in draft.goals]
    for schedule in named:
        if schedule is not None and schedule.text not in ids:
            yield schedule.place.problem(f"there is no schedule {shown(schedule.text)}")
    words = ", ".join(map(repr, PERIODS))
    for board in draft.leaderboards:
        if board.period is not None and board.period.text not in ids | PERIODS.keys():
            yield board.period.place.problem(f"must be {words}, or the id of a schedule")


def seasons_exist(draft: CatalogueDraft) -> Iterator[Problem]:
    ids = {run.id for run in draft.season_runs}
    for schedule in draft.schedules:
        if schedule.season is not None and schedule.season.text not in ids:
            yield schedule.season.place.problem(f"there is no season {shown(schedule.season.text)}")


SCHEDULE_RULES = (
    schedule_ids_are_unique,
    schedule_ids_are_not_words_for_periods,
    schedules_have_different_meanings,
    schedules_divide_time,
    schedule_keys_belong_to_their_unit,
    player_zones_have_short_periods_and_no_window,
    windows_are_sometimes_closed,
    claim_graces_span_few_periods,
    claim_graces_span_few_season_runs,
    season_runs_end_after_they_start,
    season_runs_do_not_overlap,
    stats_have_few_schedules,
    goals_in_player_zones_do_not_count_days,
    leaderboards_have_fixed_zones,
)

SCHEDULE_RULES_FOR_COMPLETE_CATALOGUES = (schedules_exist, seasons_exist)
