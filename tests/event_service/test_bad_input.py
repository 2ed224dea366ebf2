"""Every field of every request of the event handler, with the values that must be refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import grpc
import pytest
from challenge.v1 import event_service_pb2 as rpc
from google.protobuf.timestamp_pb2 import Timestamp

from event_handler.__main__ import CONTRACT
from shared.domain.instant import HOUR, SECOND
from tests.support.bad_ids import bad_ids
from tests.support.contract_fields import request_fields
from tests.support.database_contents import Contents, contents_reader, written
from tests.support.event_messages import amount_event, login, stat, timestamp
from tests.support.postgres_server import PostgresServer
from tests.support.refusals import refusal
from tests.support.sample_catalogue import sample_catalogue
from tests.support.services import NOW, Game, game

INVALID, TOO_OLD = rpc.VERDICT_INVALID, rpc.VERDICT_TOO_OLD


class Bad(NamedTuple):
    """An event that must be refused, and the expected verdict."""

    problem: str
    event: rpc.Event
    reason: str
    """The beginning of the reason."""
    verdict: rpc.Verdict.ValueType = INVALID


class BadCall(NamedTuple):
    """A call that must be refused as a whole."""

    problem: str
    call: Callable[[Game], object]
    field: str


def _without(*fields: str) -> rpc.Event:
    event = login()
    for field in fields:
        event.ClearField(field)  # type: ignore[arg-type]  # any of the message's fields
    return event


def _with_time(problem: str, time: Timestamp, verdict: rpc.Verdict.ValueType = INVALID) -> Bad:
    event = login()
    event.event_time.CopyFrom(time)
    return Bad(problem, event, "event_time: ", verdict)


def _attributed(event: rpc.Event, key: str, value: str) -> rpc.Event:
    event.attributes[key] = value
    return event


def _with_attribute(key: str, value: str) -> rpc.Event:
    return _attributed(stat("wins", delta=1), key, value)


def _amounts(field: str, *amounts: int) -> list[Bad]:
    return [Bad(str(amount), amount_event(field, amount), f"stat_updated.{field}: ") for amount in amounts]


TOO_MANY = [login()] * 1_001
BAD_ATTRIBUTES = {problem: bad for problem, bad in bad_ids().items() if len(bad) < 1_000}
"""Short enough that all of them fit into one call."""

BAD: dict[str, Sequence[Bad | BadCall]] = {
    "ReportEventRequest.event": [
        BadCall("missing", lambda running: running.events.ReportEvent(rpc.ReportEventRequest()), "event"),
    ],
    "ReportEventsRequest.events": [
        BadCall("none", lambda running: running.report(), "events"),
        BadCall("too many", lambda running: running.report(*TOO_MANY), "events"),
    ],
    "StreamEventsRequest.events": [
        BadCall("none", lambda running: stream(running, []), "events"),
        BadCall("too many", lambda running: stream(running, TOO_MANY), "events"),
    ],
    "Event.event_id": [Bad(problem, login(event_id=bad), "event_id: ") for problem, bad in bad_ids(64).items()],
    "Event.user_id": [Bad(problem, login(bad), "user_id: ") for problem, bad in bad_ids().items()],
    "Event.event_time": [
        Bad("missing", _without("event_time"), "event_time: "),
        _with_time("year 1", Timestamp(seconds=-62_135_596_800), TOO_OLD),
        _with_time("1970", Timestamp(), TOO_OLD),
        _with_time("a moment too old", timestamp(NOW - 72 * HOUR - 1), TOO_OLD),
        _with_time("a moment too far ahead", timestamp(NOW + 300 * SECOND + 1)),
        _with_time("year 9999", Timestamp(seconds=253_402_300_799, nanos=999_999_999)),
        _with_time("after all years", Timestamp(seconds=253_402_300_800)),
        _with_time("greatest", Timestamp(seconds=2**63 - 1, nanos=2**31 - 1)),
        _with_time("least", Timestamp(seconds=-(2**63), nanos=-(2**31))),
        _with_time("negative nanos", Timestamp(seconds=NOW // SECOND, nanos=-1)),
        _with_time("too many nanos", Timestamp(seconds=NOW // SECOND, nanos=1_000_000_000)),
    ],
    "Event.logged_in": [Bad("nothing happened", _without("payload"), "payload: ")],
    "Event.stat_updated": [Bad("neither delta nor value", stat("wins"), "stat_updated: ")],
    "Event.attributes": [
        *(
            Bad(f"key: {problem}", _with_attribute(bad, "bow"), "attributes: the key ")
            for problem, bad in BAD_ATTRIBUTES.items()
        ),
        *(
            Bad(f"value: {problem}", _with_attribute("w", bad), "attributes['w']: ")
            for problem, bad in BAD_ATTRIBUTES.items()
        ),
        Bad(
            "too many",
            stat("wins", delta=1, attributes={f"key {n}": "a" for n in range(17)}),
            "attributes: has 17 items",
        ),
        Bad("of a login", _attributed(login(), "w", ""), "attributes['w']: "),
    ],
    "StatUpdated.stat_code": [
        Bad(problem, stat(bad, delta=1), "stat_updated.stat_code: ") for problem, bad in bad_ids().items()
    ],
    "StatUpdated.delta": _amounts("delta", -1, 2**40 + 1, 2**53 + 1, 2**63 - 1, -(2**63)),
    "StatUpdated.value": _amounts("value", 2**40 + 1, 2**53 + 1, 2**63 - 1, -(2**40) - 1, -(2**63)),
}


@pytest.fixture(scope="module")
def running(postgres_server: PostgresServer) -> Iterator[Game]:
    """Yield a game without events."""
    with postgres_server.fresh_database() as database_url, game(database_url, sample_catalogue()) as running:
        yield running


@pytest.fixture(scope="module")
def read_contents(running: Game) -> Iterator[Callable[[], Contents]]:
    with contents_reader(running.database_url) as read:
        yield read


def report_one(running: Game, event: rpc.Event) -> rpc.EventResult:
    return running.events.ReportEvent(rpc.ReportEventRequest(event=event)).result


def report_batch(running: Game, event: rpc.Event) -> rpc.EventResult:
    [result] = running.report(event)
    return result


def stream(running: Game, *batches: Sequence[rpc.Event]) -> list[rpc.EventResult]:
    responses = running.events.StreamEvents(iter([rpc.StreamEventsRequest(events=batch) for batch in batches]))
    return [result for response in responses for result in response.results]


def stream_one(running: Game, event: rpc.Event) -> rpc.EventResult:
    [result] = stream(running, [event])
    return result


def cases(kind: type) -> list[object]:
    return [
        pytest.param(bad, id=f"{path}, {bad.problem}")
        for path, bads in BAD.items()
        for bad in bads
        if isinstance(bad, kind)
    ]


def test_the_table_has_every_field_of_every_request() -> None:
    assert set(BAD) == request_fields(CONTRACT)


@pytest.mark.parametrize("report", [report_one, report_batch, stream_one])
@pytest.mark.parametrize("bad", cases(Bad))
def test_a_bad_event_gets_its_verdict_and_nothing_is_written(
    running: Game,
    read_contents: Callable[[], Contents],
    bad: Bad,
    report: Callable[[Game, rpc.Event], rpc.EventResult],
) -> None:
    result = report(running, bad.event)
    assert result.event_id == bad.event.event_id
    assert result.verdict == bad.verdict
    assert result.reason.startswith(bad.reason)
    assert not result.completions
    assert written(read_contents()) == {}


@pytest.mark.parametrize("bad", cases(BadCall))
def test_a_bad_call_is_refused_with_its_field_and_nothing_is_written(
    running: Game, read_contents: Callable[[], Contents], bad: BadCall
) -> None:
    refused = refusal(lambda: bad.call(running))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert set(refused.fields) == {bad.field}
    assert written(read_contents()) == {}


def test_one_good_event_among_all_the_bad_ones_counts(database_url: str) -> None:
    bads = [bad for bads in BAD.values() for bad in bads if isinstance(bad, Bad)]
    middle = len(bads) // 2
    good = stat("wins", delta=2)
    events = [*(bad.event for bad in bads[:middle]), good, *(bad.event for bad in bads[middle:])]
    with game(database_url, sample_catalogue()) as running:
        verdicts = [result.verdict for result in running.report(*events)]
        assert running.goal("warm-up").progress == 2
    expected = [bad.verdict for bad in bads]
    assert verdicts == [*expected[:middle], rpc.VERDICT_APPLIED, *expected[middle:]]


def test_a_bad_batch_ends_a_stream_after_the_results_of_the_good_ones(database_url: str) -> None:
    with game(database_url, sample_catalogue()) as running:
        batches = [rpc.StreamEventsRequest(events=batch) for batch in ([login()], [login()], TOO_MANY, [login()])]
        responses = running.events.StreamEvents(iter(batches))
        replied = [next(responses), next(responses)]
        assert set(refusal(lambda: next(responses)).fields) == {"events"}
        assert all(response.results[0].verdict == rpc.VERDICT_APPLIED for response in replied)
        assert running.rows("SELECT events FROM tally") == [(2,)]
