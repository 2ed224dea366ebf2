"""Statistics as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from rich.table import Column, Table
from rich.text import Text

from admin.terminal import show, time_text
from shared.domain.catalogue import ScopeKind
from shared.domain.recalculation import Drift
from shared.domain.statistics import PlayerStatistics
from shared.postgres.statistics.adjustments import NotedAdjustment
from shared.postgres.statistics.challenge_reports import ChallengeReport

_MEASURES = ("completed", "claimed", "points", "points_time", "fastest")


def show_player(statistics: PlayerStatistics, adjustments: Iterable[NotedAdjustment]) -> None:
    """Everything about one player."""
    reached = _table("in", numbers=("completed", "claimed", "points", "fastest"))
    for scope, standing in sorted(statistics.standings.items(), key=lambda item: item[0]):
        name = "all" if scope.kind is ScopeKind.ALL else f"{scope.kind} {scope.id}"
        fastest = "" if standing.fastest is None else str(timedelta(microseconds=standing.fastest))
        reached.add_row(Text(name), *_numbers(standing.completed, standing.claimed, standing.points), fastest)
    show(reached)

    tallies = _table("tally", numbers=("events", "sum", "highest", "latest", "days"))
    for stat, tally in sorted(statistics.tallies.items()):
        measures = tally.measures
        numbers = _numbers(measures.events, measures.sum, measures.highest, tally.latest, measures.day_count)
        tallies.add_row(Text(stat.code or "logins"), *numbers)
    show(tallies)

    logins, rate = statistics.logins, statistics.completion_rate
    shown_rate = "" if rate is None else f", a completion rate of {rate:.0%}"
    print(
        f"login streak {logins.current_streak} (longest {logins.longest_streak}), "
        f"active on {logins.weekly_active_days} of 7 days, {statistics.completed_recently} completed in 30 days and "
        f"{statistics.under_way} under way{shown_rate}"
    )
    for adjustment in adjustments:
        print(f"{time_text(adjustment.time)}  {adjustment.operator}: {adjustment.points:+,} ({adjustment.reason})")


def show_report(reports: Sequence[ChallengeReport]) -> None:
    """How challenges do."""
    table = _table("challenge", numbers=("started", "completed", "claimed"))
    for report in reports:
        table.add_row(Text(report.challenge_id), *_numbers(report.started, report.completed, report.claimed))
    show(table)
    if reports[0].report_time is not None:
        print(f"counted {time_text(reports[0].report_time)}; nothing that counts has changed since, or a moment ago")


def show_drifts(drifts: Iterable[Drift]) -> None:
    """Standings that are, or were, not what they must be: one line for each number."""
    table = _table("player", "in", "period", "number", numbers=("stored", "is"))
    for drift in drifts:
        key = drift.key
        period = f"{key.schedule} {time_text(key.period_start)}" if key.period_start else str(key.schedule)
        for name in _MEASURES:
            stored, expected = getattr(drift.stored, name), getattr(drift.expected, name)
            if stored != expected:
                cells = (key.user_id, f"{key.scope} {key.scope_id}".rstrip(), period, name)
                table.add_row(*map(Text, cells), *_numbers(stored, expected))
    show(table)


def _table(*texts: str, numbers: Iterable[str]) -> Table:
    columns = [*(Column(name) for name in texts), *(Column(name, justify="right") for name in numbers)]
    return Table(*columns, box=None, pad_edge=False)


def _numbers(*numbers: int | None) -> Iterable[str]:
    return ["" if number is None else f"{number:,}" for number in numbers]
