"""The load generator: a process of its own that sends encoded gRPC calls and measures their answers.

It speaks HTTP/2 by itself, over plain sockets, because gRPC's Python client takes as much CPU for a call as the server
under test does. It imports nothing but the standard library, so it starts in a moment.
"""
