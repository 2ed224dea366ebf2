"""Settings of the event source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.runtime.address_checks import check_target, has_several_addresses
from shared.runtime.secret import Secret, SecretAddress
from shared.runtime.settings import prefixed, setting
from shared.runtime.settings_groups import ProcessSettings, ServerSettings, TelemetrySettings
from shared.runtime.start_refused import SettingsInvalid
from shared.runtime.tls_settings import TlsSettings

KAFKA, NATS = "kafka", "nats"
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


@dataclass(frozen=True, kw_only=True)
class HandlerSettings:
    """The event handler, and who this process is for it."""

    target: str = setting(
        "SOURCE_HANDLER",
        default="127.0.0.1:50052",
        help="Host and port of the event handler. A name may have several addresses: all are used in turn.",
        check=check_target,
    )
    key: Secret | None = setting(
        "SOURCE_KEY", help="The key that the event source shows to the event handler; it needs the role `events:write`."
    )
    tls: bool = setting("SOURCE_TLS", default=False, help="Use TLS on the channel to the event handler.")
    ca: Path | None = setting(
        "SOURCE_CA",
        help="PEM file with the authorities of the event handler's certificate. Not set: those that gRPC ships.",
    )
    certificate: Path | None = setting(
        "SOURCE_CERTIFICATE",
        help="PEM file with the certificate that the channel shows to the event handler, for mutual TLS.",
    )
    private_key: Path | None = setting(
        "SOURCE_PRIVATE_KEY", help="PEM file with the private key of `SOURCE_CERTIFICATE`."
    )
    timeout_s: float = setting(
        "SOURCE_CALL_TIMEOUT_S",
        default=10.0,
        unit="seconds",
        minimum=0.5,
        maximum=60,
        help="Time limit for one call of the event handler.",
    )
    calls: int = setting(
        "SOURCE_CALLS", default=4, unit="calls", minimum=1, maximum=64, help="Calls of the event handler in flight."
    )


@dataclass(frozen=True, kw_only=True)
class ReadingSettings:
    """The kind of broker, the mapping, and bounds."""

    broker: str = setting("SOURCE_BROKER", choices=(KAFKA, NATS), help="Kind of the broker that events come from.")
    mapping: Path = setting("SOURCE_MAPPING", help="The mapping of messages to events: a YAML or JSON file.")
    dead_letters: str = setting(
        "SOURCE_DEAD_LETTERS",
        help="Topic or subject for messages that cannot be mapped, and for events that are invalid or too old.",
    )
    messages_max: int = setting(
        "SOURCE_MESSAGES_MAX",
        default=10_000,
        unit="messages",
        minimum=1_000,
        maximum=1_000_000,
        help="Messages that each worker holds: received, and not committed yet.",
    )
    bytes_max: int = setting(
        "SOURCE_BYTES_MAX",
        default=64 * 1024 * 1024,
        unit="bytes",
        minimum=1024 * 1024,
        maximum=8 * 1024 * 1024 * 1024,
        help="Size of the payloads of messages that each worker holds.",
    )


@dataclass(frozen=True, kw_only=True)
class KafkaSettings:
    """Kafka as the broker."""

    servers: str | None = setting("KAFKA_SERVERS", help="Kafka to read from: hosts and ports, separated by commas.")
    topics: str | None = setting("KAFKA_TOPICS", help="Topics to read, separated by commas.")
    group: str = setting("KAFKA_GROUP", default="challenge-events", help="The consumer group of all event sources.")
    properties: Path | None = setting(
        "KAFKA_PROPERTIES",
        help="File with further properties of librdkafka, one `name=value` a line, such as those for TLS and SASL.",
    )


@dataclass(frozen=True, kw_only=True)
class NatsSettings:
    """NATS JetStream as the broker."""

    url: SecretAddress | None = setting("NATS_URL", help="NATS to read from: URLs, separated by commas.")
    stream: str | None = setting("NATS_STREAM", help="The stream to read. It has to exist.")
    subject: str | None = setting("NATS_SUBJECT", help="Read only these subjects of the stream. Not set: all.")
    consumer: str = setting(
        "NATS_CONSUMER", default="challenge-events", help="The durable consumer of all event sources; made if missing."
    )
    credentials: Path | None = setting("NATS_CREDENTIALS", help="File with credentials: a JWT and an NKey.")
    ca: Path | None = setting(
        "NATS_CA", help="PEM file with the authorities of the server's certificate. Not set: those of the system."
    )


@dataclass(frozen=True, kw_only=True)
class EventSourceSettings:
    """All settings of the event source."""

    server: ServerSettings = prefixed("SOURCE_", port=50054, metrics_port=9104, threads=2)
    tls: TlsSettings
    reading: ReadingSettings
    kafka: KafkaSettings
    nats: NatsSettings
    handler: HandlerSettings
    process: ProcessSettings
    telemetry: TelemetrySettings


def require_usable(settings: EventSourceSettings) -> None:
    """Raise `SettingsInvalid` with everything that is missing for the chosen broker and channel, or contradicts."""
    problems = [*_of_broker(settings), *_of_channel(settings.handler)]
    if problems:
        raise SettingsInvalid(problems)


def _of_broker(settings: EventSourceSettings) -> Iterator[str]:
    needed: dict[str, object] = {"KAFKA_SERVERS": settings.kafka.servers, "KAFKA_TOPICS": topics_of(settings.kafka)}
    if settings.reading.broker == NATS:
        needed = {"NATS_URL": settings.nats.url, "NATS_STREAM": settings.nats.stream}
    for name, value in needed.items():
        if not value:
            yield f"{name} is not set, which SOURCE_BROKER={settings.reading.broker} needs"
    if settings.reading.broker == KAFKA and settings.reading.dead_letters in topics_of(settings.kafka):
        yield "SOURCE_DEAD_LETTERS is one of KAFKA_TOPICS: dead letters would be read again"
    if settings.reading.broker == KAFKA and not all(map(_TOPIC.fullmatch, topics_of(settings.kafka))):
        yield "KAFKA_TOPICS has a name that no topic can have; patterns are not supported"


def _of_channel(handler: HandlerSettings) -> Iterator[str]:
    if (handler.certificate is None) != (handler.private_key is None):
        yield "SOURCE_CERTIFICATE and SOURCE_PRIVATE_KEY must be set together"
    if (handler.ca or handler.certificate) and not handler.tls:
        yield "SOURCE_CA or SOURCE_CERTIFICATE is set, so SOURCE_TLS must be, too"
    if handler.tls and has_several_addresses(handler.target):
        yield "SOURCE_HANDLER lists addresses, and a certificate is for one host: SOURCE_TLS needs a name"


def topics_of(kafka: KafkaSettings) -> list[str]:
    """Return the topics to read."""
    return [topic.strip() for topic in (kafka.topics or "").split(",") if topic.strip()]
