"""Messages become events, or say why they cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from challenge.v1 import event_service_pb2
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from event_source.mapping.mapper import Mapper
from event_source.message import Message, Unmappable
from tests.event_source.mappings import MATCHES, descriptor_file, event_of, mapping_of, message

AT = "2026-02-28T18:00:00.250001Z"
WON = {"type": "match_won", "match": 77, "player": {"id": "ada"}, "wins": 2, "at": AT, "map": "dust"}


@pytest.fixture(scope="module")
def mapper(tmp_path_factory: pytest.TempPathFactory) -> Mapper:
    return mapping_of(tmp_path_factory.mktemp("mapping"), MATCHES)


def test_fields_come_from_the_payload(mapper: Mapper) -> None:
    event = event_of(mapper, message(WON))
    assert event == event_service_pb2.Event(
        event_id="77",
        user_id="ada",
        event_time=Timestamp(seconds=1_772_301_600, nanos=250_001_000),
        stat_updated=event_service_pb2.StatUpdated(stat_code="matches_won", delta=2),
        attributes={"mode": "ranked", "map": "dust"},
    )


def test_id_and_time_can_be_those_of_the_message(mapper: Mapper) -> None:
    event = event_of(
        mapper, message({"type": "reconnect", "bot": False, "player": {"id": 5}}, offset=9, time=3_000_001)
    )
    assert event == event_service_pb2.Event(
        event_id="topic:0:9",
        user_id="5",
        event_time=Timestamp(seconds=3, nanos=1_000),
        logged_in=event_service_pb2.LoggedIn(),
    )


def test_a_message_that_no_rule_holds_for_is_ignored_or_a_fault(mapper: Mapper, tmp_path: Path) -> None:
    other = message({"type": "login", "bot": 0, "player": {"id": "ada"}})
    assert event_of(mapper, other) is None
    strict = mapping_of(tmp_path, MATCHES.replace("otherwise: ignore", ""))
    with pytest.raises(Unmappable, match="no rule of the mapping holds for it"):
        event_of(strict, other)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"player": {}}, "user: the payload has no value for it"),
        ({"player": "ada"}, "user: the payload has no value for it"),
        ({"player": {"id": None}}, "user: the payload has no value for it"),
        ({"player": {"id": ["ada"]}}, "user: is a list, must be text or an integer"),
        ({"player": {"id": "a" * 257}}, "user: has more than 256 characters"),
        ({"player": {"id": "\ud800"}}, "user: has half of a surrogate pair"),
        ({"match": 2**70}, "id: is beyond 64 bits"),
        ({"match": True}, "id: is True, must be text or an integer"),
        ({"wins": "2"}, "delta: is '2', must be an integer"),
        ({"wins": 1.5}, "delta: is 1.5, must be an integer"),
        ({"wins": None}, "delta, value: the payload has no value for either"),
        ({"at": "yesterday"}, "event_time: is 'yesterday', must be a time such as"),
        ({"at": "2026-02-28T18:00:00"}, "event_time: is '2026-02-28T18:00:00', which has no time zone"),
        ({"at": None}, "event_time: the payload has no value for it"),
        ({"map": {}}, "map: is an object, must be text or an integer"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(mapper: Mapper, changes: dict[str, Any], reason: str) -> None:
    request = event_service_pb2.ReportEventsRequest()
    with pytest.raises(Unmappable) as unmappable:
        mapper.add(message({**WON, **changes}), request.events)
    assert reason in str(unmappable.value)
    assert not request.events


@pytest.mark.parametrize("payload", [b"", b"[]", b"5", b"{", b"\xff", b'{"a": 1' + b"0" * 5_000 + b"}", b"[" * 100_000])
def test_a_payload_that_is_no_json_object_is_a_fault(mapper: Mapper, payload: bytes) -> None:
    with pytest.raises(Unmappable):
        event_of(mapper, message(payload))


@pytest.mark.parametrize(
    ("value", "instant"), [(1_700_000_000_123, "1700000000.123"), (0, "0.000"), (-1, "-0.001"), (1e3, "1.000")]
)
def test_times_may_be_numbers(mapper: Mapper, value: float, instant: str) -> None:
    event = event_of(
        mapper, message({"type": "rating", "player": {"id": "a"}, "ladder": "elo", "rating": -5, "at": value})
    )
    assert event is not None
    assert f"{event.event_time.ToNanoseconds() / 1e9:.3f}" == instant
    assert (event.stat_updated.stat_code, event.stat_updated.value) == ("elo", -5)
    assert not event.stat_updated.HasField("delta")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
MOSTLY_MATCHES = st.fixed_dictionaries(
    {"type": st.sampled_from(["match_won", "login", "rating", "x"])},
    optional=dict.fromkeys(("match", "wins", "at", "map", "bot", "ladder", "rating"), JSON)
    | {"player": st.fixed_dictionaries({"id": JSON})},
)


@given(document=MOSTLY_MATCHES | JSON)
def test_every_payload_is_an_event_that_can_be_sent_or_a_fault(mapper: Mapper, document: object) -> None:
    events = []
    for _ in range(2):
        request = event_service_pb2.ReportEventsRequest()
        try:
            added = mapper.add(message(document), request.events)
        except Unmappable:
            added = False
        assert len(request.events) == int(added)
        events.append(request.SerializeToString(deterministic=True))
    assert events[0] == events[1], "a redelivered message must be the same event"


@given(payload=st.binary(max_size=200))
def test_any_bytes_are_an_event_or_a_fault(tmp_path_factory: pytest.TempPathFactory, payload: bytes) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    descriptor_file(folder / "game.binpb")
    for text in (
        "payload: protobuf\nmessage: challenge.v1.Event",
        "payload: protobuf\nmessage: game.MatchEnded\ndescriptors: game.binpb\n"
        "events: [{user: $.winner.id, login: true, event_time: $.at}]",
    ):
        request = event_service_pb2.ReportEventsRequest()
        try:
            added = mapping_of(folder, text).add(message(payload), request.events)
        except Unmappable:
            added = False
        assert len(request.events) == int(added)
        event_service_pb2.ReportEventsRequest.FromString(request.SerializeToString())


def test_events_of_the_contract_are_taken_as_they_are(tmp_path: Path) -> None:
    mapper = mapping_of(tmp_path, "payload: protobuf\nmessage: challenge.v1.Event")
    event = event_service_pb2.Event(event_id="a", user_id="b", event_time=Timestamp(seconds=5))
    event.stat_updated.delta = 3
    assert event_of(mapper, message(event.SerializeToString())) == event
    bare = event_service_pb2.Event(user_id="b", logged_in=event_service_pb2.LoggedIn())
    filled = event_of(mapper, message(bare.SerializeToString(), offset=4, time=7_000_000))
    assert filled is not None
    assert (filled.event_id, filled.event_time.seconds) == ("topic:0:4", 7)
    with pytest.raises(Unmappable, match="the broker has no timestamp"):
        event_of(mapper, Message(bare.SerializeToString(), "topic:0:4", None, 0))
    with pytest.raises(Unmappable, match="has more than 65,536 bytes"):
        event_of(mapper, message(b"\x0a" * 70_000))


def test_a_game_s_own_message_is_read_by_its_descriptors(tmp_path: Path) -> None:
    kind: Any = descriptor_file(tmp_path / "game.binpb")
    mapper = mapping_of(
        tmp_path,
        """\
payload: protobuf
message: game.MatchEnded
descriptors: game.binpb
events:
  - when: {$.mode: MODE_RANKED}
    id: $.id
    user: $.winner.id
    stat: kills
    delta: $.kills
    event_time: $.at
    attributes: {weapon: $.facts.weapon, mode: $.mode}
""",
    )
    ended = kind(id=2**60, winner={"id": "ada"}, mode=1, kills=3)
    ended.at.seconds, ended.at.nanos = 8, 1_999
    ended.facts["weapon"] = "bow"
    assert event_of(mapper, message(ended.SerializeToString())) == event_service_pb2.Event(
        event_id=str(2**60),
        user_id="ada",
        event_time=Timestamp(seconds=8, nanos=1_000),
        stat_updated=event_service_pb2.StatUpdated(stat_code="kills", delta=3),
        attributes={"weapon": "bow", "mode": "MODE_RANKED"},
    )
    for field in ("mode", "winner", "at"):
        broken = kind.FromString(ended.SerializeToString())
        broken.ClearField(field)
        with pytest.raises(Unmappable):
            event_of(mapper, message(broken.SerializeToString()))


@pytest.mark.parametrize(
    ("seconds", "nanos"), [(2**63 - 1, 2**31 - 1), (-(2**63), -(2**31)), (253_402_300_800, 0), (-62_135_596_801, 0)]
)
def test_a_timestamp_beyond_the_contract_s_is_a_fault(tmp_path: Path, seconds: int, nanos: int) -> None:
    kind: Any = descriptor_file(tmp_path / "game.binpb")
    mapper = mapping_of(
        tmp_path,
        "payload: protobuf\nmessage: game.MatchEnded\ndescriptors: game.binpb\n"
        "events: [{user: $.winner.id, stat: wins, delta: 1, event_time: $.at}]",
    )
    payload = kind(winner={"id": "ada"}, at={"seconds": seconds, "nanos": nanos}).SerializeToString()
    request = event_service_pb2.ReportEventsRequest()
    with pytest.raises(Unmappable, match="event_time: is not within the years 1 to 9999"):
        mapper.add(message(payload), request.events)
    assert not request.events


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_whose_zone_leads_beyond_the_calendar_is_a_fault(mapper: Mapper, at: str) -> None:
    with pytest.raises(Unmappable, match="event_time: is not within the years 1 to 9999"):
        event_of(mapper, message({**WON, "at": at}))


@pytest.mark.parametrize("depth", range(90, 110))
def test_an_event_that_nests_is_one_that_can_be_sent_or_a_fault(tmp_path: Path, depth: int) -> None:
    mapper = mapping_of(tmp_path, "payload: protobuf\nmessage: challenge.v1.Event")
    nested = b"\xa3\x06" * depth + b"\xa4\x06" * depth
    request = event_service_pb2.ReportEventsRequest()
    try:
        mapper.add(message(event_service_pb2.Event(user_id="b").SerializeToString() + nested), request.events)
    except Unmappable:
        assert not request.events
    else:
        assert event_service_pb2.ReportEventsRequest.FromString(request.SerializeToString()) == request
