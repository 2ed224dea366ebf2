"""Construction of the broker from the settings. The client of the other kind is not loaded and may be missing."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from event_source.broker import Broker
from event_source.settings import NATS, EventSourceSettings, topics_of
from shared.runtime.file_watch import FileRefused, read_small
from shared.runtime.start_refused import StartRefused

EXTRA = "install the extra: pip install challenge-backend[sources]"


def open_broker(settings: EventSourceSettings) -> Broker:
    """Return the broker. Raise `StartRefused` if it cannot be set up; it does not have to be there yet."""
    return _nats(settings) if settings.reading.broker == NATS else _kafka(settings)


def _kafka(settings: EventSourceSettings) -> Broker:
    try:
        from confluent_kafka import KafkaException

        from event_source.kafka_broker import OURS, KafkaAddress, KafkaBroker
    except ImportError:
        raise StartRefused(f"SOURCE_BROKER=kafka needs confluent-kafka; {EXTRA}") from None

    properties = {} if settings.kafka.properties is None else read_properties(settings.kafka.properties)
    ours = sorted(properties.keys() & {*OURS, "group.id", "bootstrap.servers"})
    if ours:
        raise StartRefused(f"KAFKA_PROPERTIES sets {', '.join(ours)}, which the event source sets itself")
    address = KafkaAddress(
        servers=settings.kafka.servers or "",
        topics=topics_of(settings.kafka),
        group=settings.kafka.group,
        dead_letters=settings.reading.dead_letters,
        properties=properties,
    )
    try:
        return KafkaBroker(address)
    except KafkaException as error:
        raise StartRefused(f"KAFKA_PROPERTIES or KAFKA_SERVERS cannot be used: {error.args[0].str()}") from None


def _nats(settings: EventSourceSettings) -> Broker:
    try:
        from event_source.nats_broker import NatsBroker
        from event_source.nats_connection import NatsAddress
    except ImportError:
        raise StartRefused(f"SOURCE_BROKER=nats needs nats-py; {EXTRA}") from None

    nats = settings.nats
    for name, path in (("NATS_CREDENTIALS", nats.credentials), ("NATS_CA", nats.ca)):
        if path is not None and not path.is_file():
            raise StartRefused(f"{name}: {path} is not a file")
    if nats.credentials is not None and find_spec("nkeys") is None:
        raise StartRefused("NATS_CREDENTIALS needs nkeys: pip install nkeys")
    return NatsBroker(
        NatsAddress(
            url="" if nats.url is None else nats.url.reveal(),
            stream=nats.stream or "",
            subject=nats.subject,
            consumer=nats.consumer,
            dead_letters=settings.reading.dead_letters,
            credentials=nats.credentials,
            ca_file=nats.ca,
        )
    )


def read_properties(path: Path) -> Mapping[str, str]:
    """Return the properties in a file of `name=value` lines; # begins a comment. Raise `StartRefused`."""
    try:
        lines = read_small(path).decode().splitlines()
    except FileRefused as error:
        raise StartRefused(f"KAFKA_PROPERTIES: {error}") from None
    except UnicodeDecodeError:
        raise StartRefused(f"KAFKA_PROPERTIES: {path} is not UTF-8") from None
    properties = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, separator, value = line.partition("=")
        if not separator or not name.strip():
            raise StartRefused(f"KAFKA_PROPERTIES: {path}:{number} is not name=value")
        properties[name.strip()] = value.strip()
    return properties
