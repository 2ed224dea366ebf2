"""Goals that count by period: lists and events beside the same goals counted for the lifetime."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from challenge.v1 import challenge_service_pb2 as rpc

from bench import services
from bench.database import connected, statement
from bench.figures import Table, Unit, at_least, at_most
from bench.load import POSTGRES, Run, median, ratio
from bench.services import CHALLENGE_SERVICE, EVENT_HANDLER, ServerProcess
from bench.tables.batches import BATCH, RATE_MAX, REPORT_BATCH, batch_request, batches
from bench.tables.batches import SATURATION as BATCH_SATURATION
from bench.tables.calls import add_failures
from bench.tables.lists import LIST, SATURATION
from bench.workplace import Ground, Workplace, calls_for, shuffled
from shared.catalogue.loader import load
from shared.catalogue.yaml_document import parse_yaml
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


def _one_each(challenge: int, _goal: int) -> str | None:
    return "daily" if challenge < 5 else None


def _three_each(challenge: int, goal: int) -> str | None:
    return "weekly" if challenge >= 5 else "daily" if goal % 2 else "monthly"


def _measure_lists(table: Table, place: Workplace) -> None:
    with ExitStack() as open_grounds:
        plain = open_grounds.enter_context(place.ground())
        timed = scheduled(place, open_grounds.enter_context(place.ground()), "mostly-daily", mostly_daily)
        players = shuffled(plain.play)
        veterans = players[:VETERANS]
        give_periods(timed, plain.play.players, veterans)
        lifetime, by_period = (
            open_grounds.enter_context(
                place.running(services.service(CHALLENGE_SERVICE, ground.url, ground.catalogue_path))
            )
            for ground in (plain, timed)
        )
        beside = place.in_turns(
            "lists by period", listing(place, by_period, players), listing(place, lifetime, players)
        )
        newer = players[VETERANS : 2 * VETERANS]
        aged = place.in_turns(
            "lists of players with a year of history",
            listing(place, by_period, veterans),
            listing(place, by_period, newer),
        )
    cpu = ratio([(run.cpu_us(), other.cpu_us()) for run, other in beside])
    in_postgres = ratio([(run.cpu_us(POSTGRES), other.cpu_us(POSTGRES)) for run, other in beside])
    table.add("CPU per list with schedules", median([run.cpu_us() for run, _ in beside]), Unit.MICROSECONDS)
    table.add("CPU per list beside the lifetime", cpu.value, Unit.RATIO, at_most(1.25), str(cpu))
    table.add("CPU of Postgres per list beside the lifetime", in_postgres.value, Unit.RATIO, note=str(in_postgres))
    cpu = ratio([(run.cpu_us(), other.cpu_us()) for run, other in aged])
    in_postgres = ratio([(run.cpu_us(POSTGRES), other.cpu_us(POSTGRES)) for run, other in aged])
    table.add("CPU per list with a year of history beside none", cpu.value, Unit.RATIO, at_most(1.1), str(cpu))
    table.add("CPU of Postgres with a year of history", in_postgres.value, Unit.RATIO, at_most(1.1), str(in_postgres))
    add_failures(table, [run for turns in (beside, aged) for pair in turns for run in pair])


def _measure_own_days(table: Table, place: Workplace) -> None:
    with ExitStack() as open_grounds:
        plain = open_grounds.enter_context(place.ground())
        own = scheduled(place, open_grounds.enter_context(place.ground()), "own-days", mostly_daily, **OWN_DAYS)
        players = shuffled(plain.play)
        zones = [name for name in sorted(available_timezones()) if name.startswith("America/")][:ZONES]
        for number, zone in enumerate(zones):
            some = players[number::ZONES]
            with connected(own.url) as connection:
                _NAME_ZONE.rows(connection, text_array(some), zone)
            give_periods(own, some, (), (NamedZone(SINCE_EVER, zone),))
        lifetime, by_zone = (
            open_grounds.enter_context(
                place.running(services.service(CHALLENGE_SERVICE, ground.url, ground.catalogue_path))
            )
            for ground in (plain, own)
        )
        turns = place.in_turns(
            "lists by players' own days", listing(place, by_zone, players), listing(place, lifetime, players)
        )
    cpu = ratio([(run.cpu_us(), other.cpu_us()) for run, other in turns])
    in_postgres = ratio([(run.cpu_us(POSTGRES), other.cpu_us(POSTGRES)) for run, other in turns])
    table.add(f"CPU per list in {ZONES} zones beside the lifetime", cpu.value, Unit.RATIO, at_most(1.4), str(cpu))
    table.add(f"CPU of Postgres in {ZONES} zones", in_postgres.value, Unit.RATIO, note=str(in_postgres))
    add_failures(table, [run for pair in turns for run in pair])


def _measure_events(table: Table, place: Workplace) -> None:
    with ExitStack() as open_grounds:
        names: Mapping[str, ScheduleOf] = {
            "none": lambda _challenge, _goal: None,
            "one": _one_each,
            "three": _three_each,
        }
        grounds = [
            scheduled(place, open_grounds.enter_context(place.ground()), f"{name}-schedule", schedule_of)
            for name, schedule_of in names.items()
        ]
        # In a period that has just begun, a player's first value crosses targets by the dozen, which is rare.
        for ground in grounds:
            give_periods(ground, ground.play.players, ())
        handlers = [
            open_grounds.enter_context(
                place.running(services.service(EVENT_HANDLER, ground.url, ground.catalogue_path))
            )
            for ground in grounds
        ]
        turns = [
            [report_batches(place, handler, ground) for handler, ground in zip(handlers, grounds, strict=True)]
            for _ in place.rounds("events by period", place.terms.rounds)
        ]
    plain = median([none.rate * BATCH for none, _, _ in turns])
    table.add("events without schedules from end to end", plain, Unit.EVENTS_A_SECOND)
    for name, place_of, target in (("one schedule", 1, 0.7), ("three schedules", 2, 0.45)):
        rate = ratio([(turn[place_of].rate, turn[0].rate) for turn in turns])
        cpu = ratio([(turn[place_of].cpu_us(), turn[0].cpu_us()) for turn in turns])
        table.add(f"rate with {name} beside none", rate.value, Unit.RATIO, at_least(target), str(rate))
        table.add(f"CPU of the handler with {name} beside none", cpu.value, Unit.RATIO, note=str(cpu))
    add_failures(table, [run for turn in turns for run in turn])


def listing(place: Workplace, service: ServerProcess, players: Sequence[str]) -> Callable[[], Run]:
    """Return a function that lists the challenges of these players, saturated, for one turn."""
    requests = [rpc.ListChallengesRequest(user_id=player).SerializeToString() for player in players]
    return lambda: place.play(service, LIST, requests, SATURATION, place.terms.turn, repeat=True)


def report_batches(place: Workplace, handler: ServerProcess, ground: Ground) -> Run:
    """Report the next batches of a ground, saturated, for one turn."""
    sent = batches(ground.play, calls_for(place.terms.turn, RATE_MAX / BATCH))
    run = place.play(handler, REPORT_BATCH, map(batch_request, sent), BATCH_SATURATION, place.terms.turn)
    ground.play.take_back(sent[len(run.played.codes) :])
    return run


def scheduled(place: Workplace, ground: Ground, name: str, schedule_of: ScheduleOf, **of_days: str) -> Ground:
    """Return the ground with a catalogue whose goals have schedules; `of_days` are further keys of daily ones."""
    document: Any = parse_yaml(ground.catalogue_path.read_text("utf-8")).value
    for number, challenge in enumerate(document["challenges"]):
        for position, goal in enumerate(challenge["goals"]):
            schedule = schedule_of(number, position)
            if schedule is not None:
                goal["schedule"] = schedule
    every = {"daily": "day", "weekly": "week", "monthly": "month"}
    document["schedules"] = [{"id": schedule, "every": unit} for schedule, unit in every.items()]
    document["schedules"][0] |= of_days
    path: Path = place.directory / f"{name}.json"
    path.write_text(json.dumps(document), "utf-8")
    return replace(ground, catalogue=load(path), catalogue_path=path)


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
