"""Mapping files: what is wrong with one is said at once, with its lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from event_source.mapping.mapper import EventMapper, RuleMapper
from event_source.mapping.mapping_file import MappingInvalid, load_mapping
from tests.event_source.mappings import descriptor_file, mapping_of

RULE = "user: $.player, login: true, event_time: broker"


def problems(folder: Path, text: str) -> list[str]:
    """Return the problems of a file, without its name."""
    with pytest.raises(MappingInvalid) as invalid:
        mapping_of(folder, text)
    return [str(problem).partition("mapping.yaml:")[2] for problem in invalid.value.problems]


def test_all_problems_are_reported_together(tmp_path: Path) -> None:
    assert problems(
        tmp_path,
        """\
payload: jsonn
events:
  - when: {$.type: {a: 1}}
    id: constant
    usr: $.player..id
    stat: matches_won
    event_time: now
    attributes: {mode: 1.5}
  - login: true
    user: $.a..b
    event_time: {path: $.a, format: unix}
  - 5
otherwis: ignore
""",
    ) == [
        "1: payload: must be one of json, protobuf",
        "3: events[0].user: is required: a path such as $.player.id, or a constant",
        "3: events[0]: has a stat, so delta or value is required",
        "3: events[0].when.'$.type': must be a text, a number, a boolean, or a list of up to 100",
        "4: events[0].id: must be a path: all messages would be one event",
        "5: events[0].usr: is unknown, "
        "must be one of when, id, user, login, stat, delta, value, event_time, attributes",
        "7: events[0].event_time: is required: broker, a path such as $.at, or a path and a format",
        "8: events[0].attributes.mode: is 1.5, must be text or an integer",
        "10: events[1].user: is not a path such as $.player.id; a text that begins with $ is written with $$",
        "11: events[1].event_time.format: must be one of rfc3339, unix_s, unix_ms, unix_us, unix_ns",
        "12: events[2]: must be a mapping with the keys "
        "when, id, user, login, stat, delta, value, event_time, attributes",
        "13: otherwis: is unknown, must be one of payload, message, descriptors, events, otherwise",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "must be a mapping with the keys"),
        ("payload: json", "events: must be a list of 1 to 1,000 rules"),
        ("payload: json\nevents: []", "events: must be a list"),
        (f"payload: json\notherwise: drop\nevents: [{{{RULE}}}]", "otherwise: must be one of dead_letter, ignore"),
        ("payload: json\nevents: [{user: $.a, event_time: broker}]", "must have a stat, or login: true"),
        (f"payload: json\nevents: [{{{RULE}, stat: a, delta: 1}}]", "login: is given beside stat"),
        (f"payload: json\nevents: [{{{RULE}, delta: 1}}]", "delta: is for a stat"),
        ("payload: json\nevents: [{user: $.a, login: true}]", "event_time: is required"),
        (f"payload: json\nmessage: a.B\nevents: [{{{RULE}}}]", "message: is for payload: protobuf"),
        (f"payload: protobuf\nevents: [{{{RULE}}}]", "message: is required: the full name of the message"),
        (f"payload: protobuf\nmessage: a.B\nevents: [{{{RULE}}}]", "descriptors: is required: a file that protoc"),
        (f"payload: protobuf\nmessage: a.B\ndescriptors: no.binpb\nevents: [{{{RULE}}}]", "cannot be read"),
        (f"payload: protobuf\nmessage: a.B\ndescriptors: mapping.yaml\nevents: [{{{RULE}}}]", "is no set of"),
        (f"payload: protobuf\nmessage: a.B\ndescriptors: game.binpb\nevents: [{{{RULE}}}]", "has no message a.B"),
        ("payload: json\npayload: json", "payload: is given twice"),
        ("payload: [", "not YAML"),
    ],
)  # fmt: skip
def test_each_rule_of_the_file_has_a_sentence(tmp_path: Path, text: str, problem: str) -> None:
    descriptor_file(tmp_path / "game.binpb")
    with pytest.raises(MappingInvalid) as invalid:
        mapping_of(tmp_path, text)
    assert problem in str(invalid.value)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("$.nobody", "has the part 'nobody', which is no field of game.MatchEnded"),
        ("$.winner", "leads to a message, game.Player"),
        ("$.winner.id.more", "which is no field of a field that is no message"),
        ("$.players.id", "leads through game.MatchEnded.players, which is repeated"),
        ("$.facts", "leads to the map game.MatchEnded.facts: name one of its keys"),
        ("$.replay", "leads to bytes"),
    ],
)
def test_a_path_must_lead_to_a_field_of_the_message(tmp_path: Path, path: str, problem: str) -> None:
    descriptor_file(tmp_path / "game.binpb")
    text = f"""\
payload: protobuf
message: game.MatchEnded
descriptors: game.binpb
events: [{{user: {path}, login: true, event_time: broker}}]
"""
    assert problem in problems(tmp_path, text)[0]


def test_missing_files_and_folders_are_problems(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(MappingInvalid):
            load_mapping(path)


def test_the_message_of_the_contract_needs_no_rules(tmp_path: Path) -> None:
    assert isinstance(mapping_of(tmp_path, "payload: protobuf\nmessage: challenge.v1.Event"), EventMapper)
    rule = "{user: $.user_id, login: true, event_time: $.event_time}"
    with_rules = f"payload: protobuf\nmessage: challenge.v1.Event\nevents: [{rule}]"
    assert isinstance(mapping_of(tmp_path, with_rules), RuleMapper)
