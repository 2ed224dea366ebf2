"""The event source: reads messages from Kafka or NATS JetStream and reports them to the event handler as events."""

import shared.runtime.quiet_grpc  # noqa: F401 - before anything that imports gRPC
