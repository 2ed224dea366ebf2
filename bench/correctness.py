"""Checks that the database holds every acknowledged event exactly once, and that lists are complete."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from challenge.v1 import challenge_service_pb2
from challenge.v1 import event_service_pb2 as rpc
from google.protobuf.message import DecodeError

from bench.database import connected, statement
from bench.figures import Table
from bench.load import Run
from shared.domain.catalogue import Catalogue
from shared.domain.events import Event
from shared.domain.tally import Tally, TallyKey, fold
from shared.postgres.connection import Connection
from shared.postgres.events.ledger import ledger_key
from shared.postgres.events.tallies import stat_of
from shared.postgres.statements import int_array, text_array

_IN_LEDGER = statement("acknowledged_in_ledger")
_TALLIES = statement("tallies")
_CHUNK = 10_000

Tallies = dict[TallyKey, Tally]
Response = type[rpc.ReportEventResponse] | type[rpc.ReportEventsResponse] | type[rpc.StreamEventsResponse]


@dataclass
class Reported:
    """The responses to the events of a run."""

    applied: list[Event] = field(default_factory=list)
    refused: int = 0
    """Events with another verdict than APPLIED, which fresh events in order never have."""
    unknown: list[Event] = field(default_factory=list)
    """Events of failed calls, which may be applied or not."""
    completing: int = 0
    """Number of events that completed a goal."""


def reported(run: Run, calls: Sequence[Sequence[Event]], response: Response) -> Reported:
    """Sort a run's events by the verdicts in its responses, all of which must have been kept."""
    outcome = Reported()
    # The run may have ended before all calls were made.
    for number, (code, events) in enumerate(zip(run.played.codes, calls, strict=False)):
        if code != 0:
            outcome.unknown += events
            continue
        for event, result in zip(events, _results(response.FromString(run.responses[number])), strict=True):
            outcome.completing += bool(result.completions)
            if result.event_id == event.event_id and result.verdict == rpc.VERDICT_APPLIED:
                outcome.applied.append(event)
            else:
                outcome.refused += 1
    return outcome


def _results(
    response: rpc.ReportEventResponse | rpc.ReportEventsResponse | rpc.StreamEventsResponse,
) -> Sequence[rpc.EventResult]:
    return [response.result] if isinstance(response, rpc.ReportEventResponse) else response.results


def read_tallies(url: str) -> Tallies:
    """Return all stored tallies."""
    with connected(url) as connection:
        return {
            TallyKey(user_id, stat_of(source, code)): Tally(
                sum_, events, latest, latest_time, highest, set(), sum_time, events_time, highest_time
            )
            for user_id, source, code, sum_, events, latest, latest_time, highest, *times in _TALLIES.rows(connection)
            for sum_time, events_time, highest_time in [times]
        }


@dataclass(frozen=True, kw_only=True)
class Faults:
    """The differences between stored data and responses."""

    acknowledged: int
    """Events with the verdict APPLIED."""
    refused: int
    """Events with another verdict."""
    missing: int
    """Acknowledged events that are not in the ledger."""
    tallies: int
    wrong: int
    """Tallies that are not the sum of the acknowledged events."""

    @classmethod
    def total(cls, parts: Iterable[Faults]) -> Faults:
        """Return the faults of several runs together, with the greatest number of tallies."""
        every = list(parts)
        return cls(
            acknowledged=sum(part.acknowledged for part in every),
            refused=sum(part.refused for part in every),
            missing=sum(part.missing for part in every),
            tallies=max(part.tallies for part in every),
            wrong=sum(part.wrong for part in every),
        )

    def add_to(self, table: Table) -> None:
        """Add to the table whether every acknowledged event is stored and counts once."""
        of_all = f"of {self.acknowledged:,} acknowledged"
        table.check("events that were not applied", self.refused, of_all)
        table.check("acknowledged events that the ledger lacks", self.missing, of_all)
        table.check("tallies that differ from the sum of acknowledged events", self.wrong, f"of {self.tallies:,}")


def check_events(table: Table, url: str, before: Tallies, outcomes: Iterable[Reported]) -> None:
    """Add to the table whether every acknowledged event is stored and counts once; see `compare`."""
    compare(url, before, outcomes).add_to(table)


def compare(url: str, before: Tallies, outcomes: Iterable[Reported]) -> Faults:
    """Return the differences between stored data and responses.

    `before` are the tallies before the first of these events; they are modified.
    """
    every = list(outcomes)
    applied = [event for part in every for event in part.applied]
    unknown = {(event.user_id, event.stat) for part in every for event in part.unknown}
    with connected(url) as connection:
        found = sum(_count_in_ledger(connection, chunk) for chunk in _chunks(applied))
    expected = before
    for key, tally in fold(applied, ()).items():
        expected.setdefault(key, Tally()).merge(tally)
    stored = read_tallies(url)
    wrong = sum(stored.get(key) != tally for key, tally in expected.items() if (key.user_id, key.stat) not in unknown)
    refused = sum(part.refused for part in every)
    return Faults(
        acknowledged=len(applied), refused=refused, missing=len(applied) - found, tallies=len(expected), wrong=wrong
    )


def _count_in_ledger(connection: Connection, events: Sequence[Event]) -> int:
    keys = [ledger_key(event) for event in events]
    row = _IN_LEDGER.row(
        connection,
        int_array([key.day for key in keys]),
        text_array([key.user_id for key in keys]),
        text_array(["\\x" + key.event_hash.hex() for key in keys]),
    )
    return int(row[0]) if row is not None else 0


def _chunks(events: Iterable[Event]) -> Iterator[list[Event]]:
    iterator = iter(events)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


def is_whole(response: bytes, catalogue: Catalogue) -> bool:
    """Return whether an encoded `ListChallengesResponse` names all goals in the catalogue's order."""
    return _goals(response) == list(catalogue.goals)


def is_part(response: bytes, catalogue: Catalogue) -> bool:
    """Return whether an encoded `ListChallengesResponse` names some goals in the catalogue's order, each once."""
    listed = _goals(response)
    if not listed:
        return False
    named = frozenset(listed)
    return listed == [goal_id for goal_id in catalogue.goals if goal_id in named]


def _goals(encoded: bytes) -> list[str] | None:
    """Return the ids of the goals; None if the bytes cannot be parsed."""
    try:
        response = challenge_service_pb2.ListChallengesResponse.FromString(encoded)
    except DecodeError:
        return None
    return [goal.goal_id for challenge in response.challenges for goal in challenge.goals]
