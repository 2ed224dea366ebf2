"""Settings of the event source, and what keeps it from starting."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from event_source.opening import open_broker, read_properties
from event_source.settings import EventSourceSettings, require_usable
from shared.runtime.settings import load
from shared.runtime.start_refused import SettingsInvalid, StartRefused
from tests.event_source.mappings import descriptor_file, mapping_of
from tests.support.prose import read
from tests.support.service_process import run_to_the_end

KAFKA = {
    "SOURCE_BROKER": "kafka",
    "SOURCE_MAPPING": "mapping.yaml",
    "SOURCE_DEAD_LETTERS": "dead",
    "KAFKA_SERVERS": "127.0.0.1:1",
    "KAFKA_TOPICS": "game, more",
}
NATS = {
    "SOURCE_BROKER": "nats",
    "SOURCE_MAPPING": "mapping.yaml",
    "SOURCE_DEAD_LETTERS": "dead",
    "NATS_URL": "nats://127.0.0.1:1",
    "NATS_STREAM": "GAME",
}


@pytest.mark.parametrize(
    ("environ", "problems"),
    [
        (KAFKA, []),
        (NATS, []),
        ({**KAFKA, "KAFKA_SERVERS": ""}, ["KAFKA_SERVERS is not set, which SOURCE_BROKER=kafka needs"]),
        ({**KAFKA, "KAFKA_TOPICS": " , "}, ["KAFKA_TOPICS is not set, which SOURCE_BROKER=kafka needs"]),
        (
            {**KAFKA, "SOURCE_DEAD_LETTERS": "more"},
            ["SOURCE_DEAD_LETTERS is one of KAFKA_TOPICS: dead letters would be read again"],
        ),
        (
            {**KAFKA, "KAFKA_TOPICS": "matches,^challenge.*"},
            ["KAFKA_TOPICS has a name that no topic can have; patterns are not supported"],
        ),
        (
            {**NATS, "NATS_URL": "", "NATS_STREAM": "", "SOURCE_CERTIFICATE": "a", "SOURCE_CA": "b"},
            [
                "NATS_URL is not set, which SOURCE_BROKER=nats needs",
                "NATS_STREAM is not set, which SOURCE_BROKER=nats needs",
                "SOURCE_CERTIFICATE and SOURCE_PRIVATE_KEY must be set together",
                "SOURCE_CA or SOURCE_CERTIFICATE is set, so SOURCE_TLS must be, too",
            ],
        ),
        ({**KAFKA, "SOURCE_HANDLER": "ipv4:10.0.0.1:50052,10.0.0.2:50052"}, []),
        ({**KAFKA, "SOURCE_HANDLER": "ipv4:10.0.0.1:50052", "SOURCE_TLS": "true"}, []),
        (
            {**KAFKA, "SOURCE_HANDLER": "ipv4:10.0.0.1:50052,10.0.0.2:50052", "SOURCE_TLS": "true"},
            ["SOURCE_HANDLER lists addresses, and a certificate is for one host: SOURCE_TLS needs a name"],
        ),
    ],
)
def test_everything_that_a_broker_lacks_is_reported_at_once(environ: dict[str, str], problems: list[str]) -> None:
    settings = load(EventSourceSettings, environ)
    if not problems:
        require_usable(settings)
        return
    with pytest.raises(SettingsInvalid) as invalid:
        require_usable(settings)
    assert list(invalid.value.problems) == problems


def test_properties_are_read_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "kafka.properties"
    file.write_text("# a comment\n\nsasl.username = game\nsasl.password=a=b\n", encoding="utf-8")
    assert read_properties(file) == {"sasl.username": "game", "sasl.password": "a=b"}
    file.write_text("sasl.username", encoding="utf-8")
    with pytest.raises(StartRefused, match=r"kafka\.properties:1 is not name=value"):
        read_properties(file)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("enable.auto.commit=true", "sets enable.auto.commit, which the event source sets itself"),
        ("no.such.property=1", 'No such configuration property: "no.such.property"'),
    ],
)
def test_properties_on_which_guarantees_rest_are_refused(tmp_path: Path, line: str, problem: str) -> None:
    file = tmp_path / "kafka.properties"
    file.write_text(line, encoding="utf-8")
    settings = load(EventSourceSettings, {**KAFKA, "KAFKA_PROPERTIES": str(file)})
    with pytest.raises(StartRefused, match=re.escape(problem)):
        open_broker(settings)


def test_a_mapping_that_cannot_be_used_keeps_the_process_from_starting(tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("payload: json\nevents: [{login: true}]", encoding="utf-8")
    ports = {"SOURCE_PORT": "0", "SOURCE_METRICS_PORT": "0"}
    ended = run_to_the_end("event_source", **{**NATS, **ports, "SOURCE_MAPPING": str(mapping)})
    assert ended.returncode == 2
    assert f"{mapping}:2: events[0].user: is required" in ended.stderr
    assert f"{mapping}:2: events[0].event_time: is required" in ended.stderr


def test_the_mappings_of_the_documentation_can_be_used(tmp_path: Path) -> None:
    descriptor_file(tmp_path / "game.binpb")
    examples = re.findall(r"^```yaml\n(.*?)^```$", read("docs/event-sources.md"), re.MULTILINE | re.DOTALL)
    assert len(examples) == 3
    for example in examples:
        mapping_of(tmp_path, example)


def test_credentials_need_what_signs_with_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("event_source.opening.find_spec", lambda _: None)
    credentials = tmp_path / "game.creds"
    credentials.write_text("", encoding="utf-8")
    with pytest.raises(StartRefused, match="NATS_CREDENTIALS needs nkeys"):
        open_broker(load(EventSourceSettings, {**NATS, "NATS_CREDENTIALS": str(credentials)}))
