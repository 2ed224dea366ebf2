"""Changes of schedules and seasons between two catalogues, and those that are not allowed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from shared.catalogue.problem import Problem
from shared.domain.catalogue import Catalogue
from shared.domain.instant import DAY, HOUR, Day, Instant, Microseconds, to_date, to_datetime
from shared.domain.schedules import Schedule, SeasonRun

END_MARGIN: Microseconds = HOUR
"""Minimum time between now and an end that is moved: longer than events may be ahead, and than a rollout takes."""
CLAIM_MARGIN: Microseconds = HOUR
"""Minimum time between the last accepted event of a period and its claim end."""


def season_run_changes(recorded: Mapping[str, Sequence[SeasonRun]], new: Catalogue, now: Instant) -> Iterator[Problem]:
    """Yield why `new` cannot replace catalogues whose seasons had these runs, by season id.

    A run that has begun stays, because what players did in it is stored under its start. Its end may be moved while
    nothing has been counted that the move would change: the old and the new end must both be ahead.
    """
    for season in new.seasons:
        ends = dict(season.runs)
        for run in recorded.get(season.id, ()):
            problem = _problem(run, ends.get(run.start), now)
            if problem is not None:
                yield Problem(f"season {season.id!r}", f"the run that starts at {_time(run.start)} {problem}")


def _problem(run: SeasonRun, new_end: Instant | None, now: Instant) -> str | None:
    if new_end is None:
        return "is missing, but it has begun: its start is permanent" if run.start <= now else None
    if new_end == run.end:
        return None
    if run.end <= now + END_MARGIN:
        return f"ends at {_time(run.end)}: that cannot change any more"
    if new_end <= now + END_MARGIN:
        return f"cannot end at {_time(new_end)}: the new end must be an hour ahead"
    return None


def short_claim_graces(catalogue: Catalogue, accepted_age: Microseconds) -> Iterator[Problem]:
    """Yield a warning for each schedule whose claim grace is shorter than the time for which events are accepted.

    `accepted_age` is the maximum age of accepted events in microseconds.
    """
    for schedule in catalogue.schedules:
        if schedule.claim_grace < accepted_age + CLAIM_MARGIN:
            days = -(-(accepted_age + CLAIM_MARGIN) // DAY)
            yield Problem(
                f"schedule {schedule.id!a}",
                f"claim_grace is shorter than the accepted age of events: give it {days} days, so that what late "
                "events complete can be claimed",
            )


def season_changes(old: Catalogue, new: Catalogue) -> Iterator[str]:
    """Yield the differences of `new` in its seasons, one sentence each."""
    before = {season.id: dict(season.runs) for season in old.seasons}
    after = {season.id: dict(season.runs) for season in new.seasons}
    for season_id in dict.fromkeys([*before, *after]):
        old_runs, new_runs = before.get(season_id, {}), after.get(season_id, {})
        for start in sorted(old_runs.keys() | new_runs.keys()):
            run = f"season {season_id!r}: the run that starts at {_time(start)}"
            if start not in new_runs:
                yield f"{run} is removed"
            elif start not in old_runs:
                yield f"{run} is added"
            elif old_runs[start] != new_runs[start]:
                yield f"{run} ends at {_time(new_runs[start])} instead of {_time(old_runs[start])}"


def schedule_changes(old: Catalogue, new: Catalogue) -> Iterator[str]:
    """Yield the differences of `new` in its schedules, one sentence each."""
    before = {schedule.id: schedule for schedule in old.schedules}
    after = {schedule.id: schedule for schedule in new.schedules}
    for schedule_id in dict.fromkeys([*before, *after]):
        name = f"schedule {schedule_id!r}"
        if schedule_id not in after:
            yield f"{name} is removed"
        elif schedule_id not in before:
            yield f"{name} is added"
        else:
            yield from (f"{name}: {change}" for change in _differences(before[schedule_id], after[schedule_id]))
    if [each for each in before if each in after] != [each for each in after if each in before]:
        yield "schedules are in another order"


def _differences(old: Schedule, new: Schedule) -> Iterator[str]:
    if old.text != new.text:
        yield f"changes from {old.text} to {new.text}"
    if old.claim_grace != new.claim_grace:
        yield f"claim_grace changes from {old.claim_grace // DAY} to {new.claim_grace // DAY} days"


def dates(days: Iterable[Day]) -> str:
    """Return the days as they are written in catalogues."""
    return ", ".join(to_date(day).isoformat() for day in days) or "none"


def _time(instant: Instant) -> str:
    return to_datetime(instant).strftime("%Y-%m-%dT%H:%M:%SZ")
