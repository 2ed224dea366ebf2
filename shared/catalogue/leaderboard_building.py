"""Leaderboards of a catalogue from their forms."""

from __future__ import annotations

from collections.abc import Mapping

from shared.catalogue.schedule_building import PERIODS
from shared.catalogue.schema import LeaderboardForm, Over, Ranks, SortOrder
from shared.domain.goal import DerivedStat, Source, Stat
from shared.domain.leaderboard import Leaderboard, LeaderboardMeasure
from shared.domain.schedules import Schedule
from shared.domain.standings import EVERYTHING, Scope, ScopeKind


def leaderboard_of(
    form: LeaderboardForm, schedules: Mapping[str, Schedule], derived: Mapping[str, DerivedStat]
) -> Leaderboard:
    """Return a leaderboard, given the catalogue's own schedules and derived stats by their ids."""
    return Leaderboard(
        id=form.id,
        name=form.name,
        description=form.description,
        measure=LeaderboardMeasure(form.count.value) if form.count is not None else LeaderboardMeasure.POINTS,
        ranked=_ranked(form, derived),
        schedule=PERIODS.get(form.period) or schedules[form.period],
        ascending=form.order is SortOrder.ASCENDING,
        shared_ranks=form.ranks is Ranks.SHARED,
    )


def _ranked(form: LeaderboardForm, derived: Mapping[str, DerivedStat]) -> Scope | Stat:
    if form.over is not Over.POINTS:
        return derived[form.stat].stat if form.stat in derived else Stat(Source(form.over.value), form.stat)
    if form.challenge:
        return Scope(ScopeKind.CHALLENGE, form.challenge)
    return Scope(ScopeKind.TAG, form.tag) if form.tag else EVERYTHING
