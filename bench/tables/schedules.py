"""Goals that count by period: lists and events beside the same goals counted for the lifetime."""

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
from bench.workplace import Ground, Workplace
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


def measure_schedules(place: Workplace) -> Table:
    """Measure lists of goals with schedules, of players with a long history, and events that count by period."""
    table = Table(
        "schedules",
        "Goals that count by period",
        f"The load catalogue with 250 daily and 100 weekly of its 500 goals, beside all for the lifetime; a year of "
        f"daily history beside none; {BATCH:,} events a batch on stats with one and three schedules beside none. "
        f"Saturated, in turns.",
    )
    _measure_lists(table, place)
    _measure_own_days(table, place)
    _measure_events(table, place)
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


def _measure_lists(table: Table, place: Workplace) -> None:
    with ExitStack() as stack:
        plain = stack.enter_context(place.ground())
        timed = scheduled(place, stack.enter_context(place.ground()), "mostly-daily", mostly_daily)
        players = plain.play.shuffled()
        veterans, newer = players[:VETERANS], players[VETERANS : 2 * VETERANS]
        give_periods(timed, plain.play.players, veterans)
        lifetime, by_period = (stack.enter_context(place.service(CHALLENGE_SERVICE, each)) for each in (plain, timed))
        turns = place.in_turns("lists by period", listing(place, by_period, players), listing(place, lifetime, players))
        aged = place.in_turns(
            "lists of players with a year of history",
            listing(place, by_period, veterans),
            listing(place, by_period, newer),
        )
    add_medians(table, "CPU per list", turns, cpu_us, Unit.MICROSECONDS, "with schedules")
    add_ratio(table, "CPU per list beside the lifetime", turns, cpu_us, at_most(1.25))
    add_ratio(table, "CPU of Postgres per list beside the lifetime", turns, postgres_us)
    add_ratio(table, "CPU per list with a year of history beside none", aged, cpu_us, at_most(1.1))
    add_ratio(table, "CPU of Postgres with a year of history", aged, postgres_us, at_most(1.1))


def _measure_own_days(table: Table, place: Workplace) -> None:
    with ExitStack() as stack:
        plain = stack.enter_context(place.ground())
        own = scheduled(place, stack.enter_context(place.ground()), "own-days", mostly_daily, **OWN_DAYS)
        players = plain.play.shuffled()
        zones = [name for name in sorted(available_timezones()) if name.startswith("America/")][:ZONES]
        for number, zone in enumerate(zones):
            some = players[number::ZONES]
            with connected(own.url) as connection:
                _NAME_ZONE.rows(connection, text_array(some), zone)
            give_periods(own, some, (), (NamedZone(SINCE_EVER, zone),))
        lifetime, by_zone = (stack.enter_context(place.service(CHALLENGE_SERVICE, each)) for each in (plain, own))
        turns = place.in_turns(
            "lists by players' own days", listing(place, by_zone, players), listing(place, lifetime, players)
        )
    add_ratio(table, f"CPU per list in {ZONES} zones beside the lifetime", turns, cpu_us, at_most(1.4))
    add_ratio(table, f"CPU of Postgres in {ZONES} zones", turns, postgres_us)


def _measure_events(table: Table, place: Workplace) -> None:
    with ExitStack() as stack:
        none, one, three = (
            scheduled(place, stack.enter_context(place.ground()), f"{name}-schedule", schedule_of)
            for name, schedule_of in (("none", _none), ("one", _one_each), ("three", _three_each))
        )
        turns = batches_in_turns(place, none, one, three)
    plain = median([run.rate * BATCH for run, _, _ in turns])
    table.add("events without schedules from end to end", plain, Unit.EVENTS_A_SECOND)
    for name, number, least in (("one schedule", 1, 0.7), ("three schedules", 2, 0.45)):
        pairs = [(turn[number], turn[0]) for turn in turns]
        add_ratio(table, f"rate with {name} beside none", pairs, rate, at_least(least))
        add_ratio(table, f"CPU of the handler with {name} beside none", pairs, cpu_us)


def batches_in_turns(place: Workplace, *grounds: Ground) -> list[list[Run]]:
    """Report batches on each of these grounds in turn, each player's current periods having begun before."""
    # In a period that has just begun, a player's first value crosses targets by the dozen, which is rare.
    for ground in grounds:
        give_periods(ground, ground.play.players, ())
    with ExitStack() as stack:
        handlers = [stack.enter_context(place.service(EVENT_HANDLER, ground)) for ground in grounds]
        return [
            [report_batches(place, handler, ground)[0] for handler, ground in zip(handlers, grounds, strict=True)]
            for _ in place.rounds("events by period", place.terms.rounds)
        ]


def scheduled(place: Workplace, ground: Ground, name: str, schedule_of: ScheduleOf, **of_days: str) -> Ground:
    """Return the ground with a catalogue whose goals have schedules; `of_days` are further keys of daily ones."""

    def change(document: Any) -> None:
        every = {"daily": "day", "weekly": "week", "monthly": "month"}
        document["schedules"] = [{"id": schedule, "every": unit} for schedule, unit in every.items()]
        document["schedules"][0] |= of_days
        for number, challenge in enumerate(document["challenges"]):
            for position, goal in enumerate(challenge["goals"]):
                if (schedule := schedule_of(number, position)) is not None:
                    goal["schedule"] = schedule

    return place.changed(ground, name, change)


def give_periods(ground: Ground, players: Sequence[str], veterans: Sequence[str], zones: Zones = NO_ZONES) -> None:
    """Give all players in the current periods what they have in the lifetime, and veterans a year of past days."""
    current = current_periods(ground.catalogue, system_clock()).of_player(zones)
    with connected(ground.url) as connection:
        connection.execute("SET statement_timeout = 0")
        for text, period in current.periods.items():
            goals = [goal.id for goal in ground.catalogue.goals.values() if goal.schedule.text == text]
            days = range(YEAR_DAYS + 1) if text.startswith("day") else range(1)
            for day in days:
                some = text_array(list(veterans if day else players))
                _COPY_TO_PERIOD.rows(connection, some, text, period.start - day * DAY)
                _COMPLETE_IN_PERIOD.rows(connection, some, text_array(goals), period.start - day * DAY)
        connection.execute("VACUUM (ANALYZE)")
