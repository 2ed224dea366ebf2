"""Goals that count by period: lists and events compared with the same goals counted for the lifetime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any
from zoneinfo import available_timezones

from bench.database import connected, statement
from bench.figures import Table, Unit, at_least, at_most
from bench.load import Run, median
from bench.services import CHALLENGE_SERVICE, EVENT_HANDLER
from bench.tables.batches import BATCH, report_batches
from bench.tables.calls import add_medians, add_ratio, cpu_us, postgres_us, rate
from bench.tables.lists import listing
from bench.workbench import Setup, Workbench
from shared.domain.current_periods import current_periods
from shared.domain.instant import DAY
from shared.domain.player_zones import NO_ZONES, SINCE_EVER, NamedZone, Zones
from shared.postgres.statements import text_array
from shared.runtime.clock import system_clock

YEAR_DAYS = 365
VETERANS = 200
"""Players with a year of daily history: as many rows as 70,000 players without."""

ZONES = 40
"""Time zones that players have named, each as many."""
OWN_DAYS = {"zone": "player", "default_zone": "Europe/Paris"}

_NAME_ZONE = statement("name_zone")
_COPY_TO_PERIOD = statement("copy_to_period")
_COMPLETE_IN_PERIOD = statement("complete_in_period")

ScheduleOf = Callable[[int, int], str | None]
"""Return the schedule of a goal by the position of its challenge and by its own in there; None for the lifetime."""


def measure_schedules(bench: Workbench) -> Table:
    """Measure lists of goals with schedules, of players with a long history, and events that count by period."""
    table = Table(
        "schedules",
        "Goals that count by period",
        f"The load catalogue with 250 daily and 100 weekly of its 500 goals, compared with all for the lifetime; a "
        f"year of daily history compared with none; {BATCH:,} events a batch on stats with one and three schedules "
        f"compared with none. Saturated, alternating.",
    )
    _measure_lists(table, bench)
    _measure_own_days(table, bench)
    _measure_events(table, bench)
    return table


def mostly_daily(challenge: int, _goal: int) -> str | None:
    """Return the schedules of 250 daily and 100 weekly goals."""
    return "daily" if challenge < 5 else "weekly" if challenge < 7 else None


def _none(_challenge: int, _goal: int) -> None:
    return None


def _one_each(challenge: int, _goal: int) -> str | None:
    return "daily" if challenge < 5 else None


def _three_each(challenge: int, goal: int) -> str | None:
    return "weekly" if challenge >= 5 else "daily" if goal % 2 else "monthly"


def _measure_lists(table: Table, bench: Workbench) -> None:
    with ExitStack() as stack:
        plain = stack.enter_context(bench.setup())
        timed = scheduled(bench, stack.enter_context(bench.setup()), "mostly-daily", mostly_daily)
        players = plain.play.shuffled()
        veterans, newer = players[:VETERANS], players[VETERANS : 2 * VETERANS]
        give_periods(timed, plain.play.players, veterans)
        lifetime, by_period = (stack.enter_context(bench.service(CHALLENGE_SERVICE, each)) for each in (plain, timed))
        pairs = bench.alternating(
            "lists by period", listing(bench, by_period, players), listing(bench, lifetime, players)
        )
        aged = bench.alternating(
            "lists of players with a year of history",
            listing(bench, by_period, veterans),
            listing(bench, by_period, newer),
        )
    add_medians(table, "CPU per list", pairs, cpu_us, Unit.MICROSECONDS, "with schedules")
    add_ratio(table, "CPU per list relative to the lifetime", pairs, cpu_us, at_most(1.25))
    add_ratio(table, "CPU of Postgres per list relative to the lifetime", pairs, postgres_us)
    add_ratio(table, "CPU per list with a year of history relative to none", aged, cpu_us, at_most(1.1))
    add_ratio(table, "CPU of Postgres with a year of history", aged, postgres_us, at_most(1.1))


def _measure_own_days(table: Table, bench: Workbench) -> None:
    with ExitStack() as stack:
        plain = stack.enter_context(bench.setup())
        own = scheduled(bench, stack.enter_context(bench.setup()), "own-days", mostly_daily, **OWN_DAYS)
        players = plain.play.shuffled()
        zones = [name for name in sorted(available_timezones()) if name.startswith("America/")][:ZONES]
        for number, zone in enumerate(zones):
            some = players[number::ZONES]
            with connected(own.url) as connection:
                _NAME_ZONE.rows(connection, text_array(some), zone)
            give_periods(own, some, (), (NamedZone(SINCE_EVER, zone),))
        lifetime, by_zone = (stack.enter_context(bench.service(CHALLENGE_SERVICE, each)) for each in (plain, own))
        pairs = bench.alternating(
            "lists by players' own days", listing(bench, by_zone, players), listing(bench, lifetime, players)
        )
    add_ratio(table, f"CPU per list in {ZONES} zones relative to the lifetime", pairs, cpu_us, at_most(1.4))
    add_ratio(table, f"CPU of Postgres per list in {ZONES} zones relative to the lifetime", pairs, postgres_us)


def _measure_events(table: Table, bench: Workbench) -> None:
    with ExitStack() as stack:
        none, one, three = (
            scheduled(bench, stack.enter_context(bench.setup()), f"{name}-schedule", schedule_of)
            for name, schedule_of in (("none", _none), ("one", _one_each), ("three", _three_each))
        )
        rounds = batches_alternating(bench, none, one, three)
    plain = median([run.rate * BATCH for run, _, _ in rounds])
    table.add("events without schedules from end to end", plain, Unit.EVENTS_A_SECOND)
    for name, number, least in (("one schedule", 1, 0.7), ("three schedules", 2, 0.45)):
        pairs = [(runs[number], runs[0]) for runs in rounds]
        add_ratio(table, f"rate with {name} relative to none", pairs, rate, at_least(least))
        add_ratio(table, f"CPU of the handler with {name} relative to none", pairs, cpu_us)


def batches_alternating(bench: Workbench, *setups: Setup) -> list[list[Run]]:
    """Report batches on each of these setups in every round; each player's current periods have begun before."""
    # In a period that has just begun, a player's first value crosses targets by the dozen, which is rare.
    for setup in setups:
        give_periods(setup, setup.play.players, ())
    with ExitStack() as stack:
        handlers = [stack.enter_context(bench.service(EVENT_HANDLER, setup)) for setup in setups]
        return [
            [report_batches(bench, handler, setup)[0] for handler, setup in zip(handlers, setups, strict=True)]
            for _ in bench.rounds("events by period", bench.scale.rounds)
        ]


def scheduled(bench: Workbench, setup: Setup, name: str, schedule_of: ScheduleOf, **of_days: str) -> Setup:
    """Return the same setup with a catalogue whose goals have schedules; `of_days` are further keys of daily ones."""

    def change(document: Any) -> None:
        every = {"daily": "day", "weekly": "week", "monthly": "month"}
        document["schedules"] = [{"id": schedule, "every": unit} for schedule, unit in every.items()]
        document["schedules"][0] |= of_days
        for number, challenge in enumerate(document["challenges"]):
            for position, goal in enumerate(challenge["goals"]):
                if (schedule := schedule_of(number, position)) is not None:
                    goal["schedule"] = schedule

    return bench.changed(setup, name, change)


def give_periods(setup: Setup, players: Sequence[str], veterans: Sequence[str], zones: Zones = NO_ZONES) -> None:
    """Give all players in the current periods what they have in the lifetime, and veterans a year of past days."""
    current = current_periods(setup.catalogue, system_clock()).of_player(zones)
    with connected(setup.url) as connection:
        connection.execute("SET statement_timeout = 0")
        for text, period in current.periods.items():
            goals = [goal.id for goal in setup.catalogue.goals.values() if goal.schedule.text == text]
            days = range(YEAR_DAYS + 1) if text.startswith("day") else range(1)
            for day in days:
                some = text_array(list(veterans if day else players))
                _COPY_TO_PERIOD.rows(connection, some, text, period.start - day * DAY)
                _COMPLETE_IN_PERIOD.rows(connection, some, text_array(goals), period.start - day * DAY)
        connection.execute("VACUUM (ANALYZE)")
