"""The mapping of messages to events: its file, and the readers of JSON and protobuf payloads."""
