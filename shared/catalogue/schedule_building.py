"""Schedules and seasons from their forms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from shared.catalogue.schedule_forms import ScheduleForm, SeasonForm, WindowForm
from shared.catalogue.schema import ALL_TIME
from shared.catalogue.time_fields import PLAYER_ZONE, Weekday
from shared.domain.instant import DAY
from shared.domain.recurrence import Every, Recurrence, every_days
from shared.domain.schedules import DAILY, LIFETIME, MONTHLY, WEEKLY, Schedule, Season, SeasonRun
from shared.domain.windows import Window

PERIODS = {ALL_TIME: LIFETIME, "day": DAILY, "week": WEEKLY, "month": MONTHLY}
"""The schedules that leaderboards name by a word."""


def seasons_of(forms: Iterable[SeasonForm]) -> dict[str, Season]:
    """Return the seasons by id, each with all its runs in order of time."""
    runs: dict[str, list[SeasonRun]] = {}
    for form in forms:
        runs.setdefault(form.id, []).append(SeasonRun(form.starts, form.ends))
    return {season_id: Season(season_id, tuple(sorted(found))) for season_id, found in runs.items()}


def schedule_of(form: ScheduleForm, seasons: Mapping[str, Season]) -> Schedule:
    """Return the schedule. Its season must be among these."""
    return Schedule(
        recurrence=_recurrence(form),
        window=_window(form.window) if form.window is not None else None,
        season=seasons[form.season] if form.season else None,
        id=form.id,
        claim_grace=form.claim_grace.days * DAY,
    )


def schedule_text(value: object) -> str | None:
    """Return the canonical text of a schedule as it is in a document; None if it is not a valid one."""
    try:
        form = ScheduleForm.model_validate(value)
    except ValidationError:
        return None
    return schedule_of(form, {form.season: Season(form.season, ())}).text


def is_always_open(window: object) -> bool:
    """Return True if a window in a document is valid and leaves nothing out."""
    try:
        form = WindowForm.model_validate(window)
    except ValidationError:
        return False
    return len(form.weekdays) == len(Weekday) and form.opens == form.closes


def _recurrence(form: ScheduleForm) -> Recurrence | None:
    if form.every is None:
        return None
    by_player = form.zone == PLAYER_ZONE
    zone = form.default_zone if by_player else form.zone
    if form.every.unit is Every.DAYS:
        return every_days(form.every.days, form.anchor or 0, at=form.at, zone=zone, by_player=by_player)
    return Recurrence(
        form.every.unit,
        at=form.at,
        zone=zone,
        by_player=by_player,
        weekday=form.weekday.number if form.weekday is not None else 0,
        month=form.month,
        month_day=form.month_day,
    )


def _window(form: WindowForm) -> Window:
    return Window(tuple(sorted(day.number for day in form.weekdays)), form.opens, form.closes)
