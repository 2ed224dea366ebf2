"""Events and their outcomes as messages."""

from __future__ import annotations

from collections.abc import Mapping

from challenge.v1 import event_service_pb2

from shared.domain.acceptance import ATTRIBUTES_MAX, attributes_problem
from shared.domain.catalogue import Catalogue
from shared.domain.events import CompletionKey, Event, Outcome, Verdict
from shared.domain.goal import LOGIN, Source, Stat
from shared.domain.instant import Instant
from shared.domain.schedules import LIFETIME
from shared.rpc.instants import instant_of, timestamp_message

VERDICTS = {verdict: event_service_pb2.Verdict.Value(f"VERDICT_{verdict.name}") for verdict in Verdict}


def read_event(message: event_service_pb2.Event, catalogue: Catalogue) -> Event | Outcome:
    """Return the event in a message, or its outcome if there is none. `shared.domain.acceptance` judges the content.

    Of its attributes, the event has those that the catalogue looks at.
    """
    if not message.HasField("event_time"):
        return Outcome(Verdict.INVALID, reason="event_time: is required")
    time = instant_of(message.event_time)
    if time is None:
        return Outcome(Verdict.INVALID, reason="event_time: is not a valid timestamp")
    attributes: Mapping[str, str] = message.attributes
    if 0 < len(attributes) <= ATTRIBUTES_MAX:
        # Iterating over the map of a message takes as long as all the rest, so it is done once.
        attributes = {key: attributes[key] for key in attributes}
    if attributes and (problem := attributes_problem(attributes)) is not None:
        return Outcome(Verdict.INVALID, reason=problem)
    payload = message.WhichOneof("payload")
    if payload == "logged_in":
        used = catalogue.derived.used_attributes(LOGIN, attributes) if attributes else ()
        return Event(message.event_id, message.user_id, time, LOGIN, attributes=used)
    if payload == "stat_updated":
        updated = message.stat_updated
        stat = Stat(Source.STAT, updated.stat_code)
        return Event(
            message.event_id,
            message.user_id,
            time,
            stat,
            updated.delta if updated.HasField("delta") else None,
            updated.value if updated.HasField("value") else None,
            catalogue.derived.used_attributes(stat, attributes) if attributes else (),
        )
    return Outcome(Verdict.INVALID, reason="payload: logged_in or stat_updated is required")


def result_message(
    event_id: str, outcome: Outcome, catalogue: Catalogue, now: Instant
) -> event_service_pb2.EventResult:
    """Return the result for one event. It is late if it counts for a period that is over now."""
    end = outcome.credited_until
    return event_service_pb2.EventResult(
        event_id=event_id,
        verdict=VERDICTS[outcome.verdict],
        reason=outcome.reason,
        completions=[_completion(key, catalogue) for key in outcome.completions],
        late=end is not None and end <= now,
    )


def _completion(key: CompletionKey, catalogue: Catalogue) -> event_service_pb2.Completion:
    goal = catalogue.goals[key.goal_id]
    return event_service_pb2.Completion(
        challenge_id=goal.challenge_id,
        goal_id=key.goal_id,
        period_start=None if goal.schedule == LIFETIME else timestamp_message(key.period_start),
        occurrence=key.occurrence,
    )
