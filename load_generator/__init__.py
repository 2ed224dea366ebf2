"""The load generator: sends encoded gRPC calls and measures the responses.

It speaks HTTP/2 over plain sockets, because gRPC's Python client takes as much CPU per call as the server under test.
docs/decisions/load-generator.md says why it is not ghz or h2load.
"""
