"""The transaction that applies a batch of events: each event counts once, each completion is named once.

The cost depends on the number of events and on what they complete, not on how many goals watch them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from shared.domain.calendars import Calendars
from shared.domain.catalogue import Catalogue
from shared.domain.crossing import crossing_position
from shared.domain.derived_stats import DerivedStats, seen_as
from shared.domain.distinct_values import NO_NEW_VALUES, NewValues, values_of
from shared.domain.events import CompletionKey, Event, Outcome, Verdict
from shared.domain.goal import Stat
from shared.domain.grants import Granting
from shared.domain.instant import Instant
from shared.domain.player_zones import NO_ZONES, Zones
from shared.domain.schedules import LIFETIME, Schedule
from shared.domain.standings import CompletionRecord, record_of
from shared.domain.tally import TallyKey, fold
from shared.operations.events.crossings import Crossing, active_crossings, all_crossings
from shared.operations.statistics.standing_changes import ScoreChanges, StandingChanges
from shared.postgres.connection import Connection
from shared.postgres.events import distinct_values, ledger, tallies
from shared.postgres.events.ledger import LedgerKey, SeenBefore, ledger_key
from shared.postgres.events.tallies import MergedTally
from shared.postgres.goals import player_zones

_APPLIED = Outcome(Verdict.APPLIED)
_DUPLICATE = Outcome(Verdict.DUPLICATE)
_PLAYER_IS_ERASED = Outcome(Verdict.INVALID, reason="user_id: the player was erased")
_DAY_IS_DROPPED = Outcome(Verdict.TOO_OLD, reason="event_time: is of a day whose event ids are no longer kept")


class Applied(NamedTuple):
    """The result of the transaction."""

    outcomes: list[Outcome]
    """One per event, in the order of the events."""
    evidence: LedgerKey | None
    """A ledger row that this transaction wrote, by which it can be recognised; None if all events were duplicates."""
    changes: ScoreChanges | None = None
    """The scores on leaderboards that it changed, if any."""
    duplicates_found: bool = False
    """An event was a duplicate, or of a day that the ledger does not hold any more."""


def apply_events(
    connection: Connection,
    catalogue: Catalogue,
    events: Sequence[Event],
    granting: Granting,
    *,
    now: Instant | None = None,
    keep_content: bool = False,
    expect_unseen: bool = False,
) -> Applied:
    """Execute the statements of a flush and return what they did.

    `granting` is for goals that are claimed automatically. `now` decides which of their rewards can still be claimed;
    it is the time of claims unless it is given. The statements lock in the order in which all transactions lock:
    ledger; then level by level: tally, assignment, completion; then grant; then standing.

    With `expect_unseen` the events are counted in the round trip that records them. Raise `SeenBefore` if that was
    wrong; then the transaction must be rolled back. The caller is inside `ledger.raising_seen_before`.
    """
    keys = [ledger_key(event) for event in events]
    # The first of several events with one key counts, so its content is kept.
    content = dict(zip(reversed(keys), reversed(events), strict=True)) if keep_content else None
    insertion = ledger.insert_unseen(connection, keys, content, expect_unseen=expect_unseen)
    if expect_unseen:
        outcomes = [_APPLIED] * len(events)
        fresh: Sequence[int] = range(len(events))
    else:
        outcomes, fresh = _split_by_ledger(connection, keys, events, insertion.unseen())
    if not fresh:
        return Applied(outcomes, None, duplicates_found=True)

    fresh_events = [events[index] for index in fresh]
    zones = _zones(connection, catalogue, fresh_events)
    counted_events = catalogue.derived.expanded(fresh_events) if catalogue.derived_stats else fresh_events
    folded = fold(counted_events, catalogue.day_counted, catalogue.tally_schedules, zones, catalogue.growing)
    new_values = _new_values(connection, catalogue, events, fresh, zones)
    folded |= new_values.tallies(events)
    if catalogue.tally_schedules:
        calendars = Calendars(catalogue.tally_schedules, (), zones)
        for index, outcome in zip(fresh, _applied(fresh_events, calendars, catalogue.derived), strict=True):
            outcomes[index] = outcome
    merged = tallies.merge(connection, folded)
    if expect_unseen and insertion.count() < len(events):
        raise SeenBefore
    changes = StandingChanges(catalogue, granting.claim_time if now is None else now, granting)
    crossings = all_crossings(connection, catalogue, merged, folded)
    if crossings:
        counted = _CountedEvents(events, fresh, catalogue.derived, new_values, zones)
        for index, completed in _complete(connection, catalogue, crossings, counted, changes).items():
            outcomes[index] = outcomes[index]._replace(completions=tuple(completed))
    scores = changes.store(connection, merged)
    return Applied(outcomes, keys[fresh[0]], scores, len(fresh) < len(events))


def _split_by_ledger(
    connection: Connection, keys: Sequence[LedgerKey], events: Sequence[Event], unseen: set[bytes]
) -> tuple[list[Outcome], list[int]]:
    """Return the outcome of each event, and the positions of the events that count.

    `keys` are those of the events, in their order. `unseen` are the hashes that the ledger did not hold; they are
    removed from it. Of several events with one key the first counts.
    """
    outcomes = [_DUPLICATE] * len(events)
    fresh: list[int] = []
    for index, key in enumerate(keys):
        if key.event_hash in unseen:
            unseen.remove(key.event_hash)
            outcomes[index] = _APPLIED
            fresh.append(index)
    if len(fresh) < len(events):
        first_day, erased = ledger.read_refused(connection, (event.user_id for event in events))
        for index, event in enumerate(events):
            if event.user_id in erased:
                outcomes[index] = _PLAYER_IS_ERASED
            # The ids of its day were dropped, so whether it is a duplicate cannot be known any more.
            if event.day < first_day:
                outcomes[index] = _DAY_IS_DROPPED
    return outcomes, fresh


def is_written(connection: Connection, transaction_id: int, applied: Applied) -> bool:
    """Return whether the transaction with this id has committed what `applied` says."""
    return applied.evidence is None or ledger.seen_by_transaction(connection, applied.evidence, transaction_id)


def _applied(events: Sequence[Event], calendars: Calendars, derived: DerivedStats) -> Iterator[Outcome]:
    """Yield the outcome of each event, which tells until when the periods last that it counts for."""
    by_end: dict[Instant | None, Outcome] = {None: _APPLIED}
    for event in events:
        calendar = calendars.of(event.user_id, event.stat)
        end = None if calendar is None else calendar.credited_until(event.time)
        for definition in derived.met_by(event):
            calendar = calendars.of(event.user_id, definition.stat)
            of_derived = None if calendar is None else calendar.credited_until(event.time)
            end = of_derived if end is None or (of_derived is not None and of_derived < end) else end
        outcome = by_end.get(end)
        if outcome is None:
            outcome = by_end[end] = Outcome(Verdict.APPLIED, credited_until=end)
        yield outcome


def _zones(connection: Connection, catalogue: Catalogue, events: Sequence[Event]) -> Mapping[str, Zones]:
    """Return the zones of the players whose periods depend on them."""
    if not catalogue.stats_by_player_zone:
        return {}
    by_zone, derived = catalogue.stats_by_player_zone, catalogue.derived
    user_ids = {
        event.user_id
        for event in events
        if event.stat in by_zone or any(definition.stat in by_zone for definition in derived.met_by(event))
    }
    return player_zones.read_zones_to_count_by(connection, user_ids) if user_ids else {}


def _new_values(
    connection: Connection,
    catalogue: Catalogue,
    events: Sequence[Event],
    fresh: Sequence[int],
    zones: Mapping[str, Zones],
) -> NewValues:
    """Record the distinct values that the new events bring to tallies; return those that no earlier event brought."""
    if not catalogue.derived.counts_values:
        return NO_NEW_VALUES
    counted = ((index, events[index]) for index in fresh)
    values = values_of(counted, catalogue.derived, catalogue.tally_schedules, zones)
    return NewValues(values, distinct_values.insert_missing(connection, values)) if values else NO_NEW_VALUES


def _complete(
    connection: Connection,
    catalogue: Catalogue,
    crossings: Sequence[Crossing],
    counted: _CountedEvents,
    changes: StandingChanges,
) -> dict[int, list[CompletionKey]]:
    """Store the completions of active goals and what they complete in turn; return them by the index of the event."""
    records: dict[CompletionKey, CompletionRecord] = {}
    caused_by: dict[CompletionKey, int] = {}
    for crossing, active_since in active_crossings(connection, catalogue, crossings, counted.zones):
        tally, rung = crossing
        indices = counted.by(tally, rung.goal.schedule)
        walked = [seen_as(rung.goal.derived, counted.events[index]) for index in indices]
        position = crossing_position(rung, tally.before, tally.days_before, walked)
        caused_by[crossing.completion] = indices[position]
        time = walked[position].time
        start, occurrence = tally.period_start, rung.occurrence
        records[crossing.completion] = record_of(rung.goal, time, active_since, start, occurrence)
    by_event: dict[int, list[CompletionKey]] = defaultdict(list)
    for completion, index in changes.complete(connection, records, caused_by=caused_by).items() if records else ():
        by_event[index].append(completion)
    return by_event


class _CountedEvents:
    """The new events of a batch by the tallies that count them."""

    def __init__(
        self,
        events: Sequence[Event],
        fresh: Sequence[int],
        derived: DerivedStats,
        new_values: NewValues,
        zones: Mapping[str, Zones],
    ) -> None:
        """`fresh` are the positions of the new events in the batch, `zones` those of their players."""
        self.events = events
        self._new_values = new_values
        self.zones = zones
        self._by_stat: dict[tuple[str, Stat], list[int]] = defaultdict(list)
        for index in fresh:
            event = events[index]
            self._by_stat[event.user_id, event.stat].append(index)
            for definition in derived.met_by(event):
                self._by_stat[event.user_id, definition.stat].append(index)
        self._by_period: dict[TallyKey, list[int]] = {}

    def by(self, tally: MergedTally, schedule: Schedule) -> list[int]:
        """Return the positions of the events that the tally, which has this schedule, counts."""
        key = tally.key
        of_values = self._new_values.positions(key)
        if of_values:
            return of_values
        of_stat = self._by_stat[tally.user_id, tally.stat]
        if schedule == LIFETIME:
            return of_stat
        found = self._by_period.get(key)
        if found is None:
            of_player = schedule.of_player(self.zones.get(tally.user_id, NO_ZONES))
            periods = ((index, of_player.period_at(self.events[index].time)) for index in of_stat)
            found = [index for index, period in periods if period is not None and period.start == tally.period_start]
            self._by_period[key] = found
        return found
