"""Silences gRPC's core, which reads the variable when the library is first imported: import this module before it.

The core writes to standard error by itself, in a form of its own, and waits for a reader that stalls. On a port that
speaks TLS, whoever can connect could have it write a line for each handshake that fails.
"""

from __future__ import annotations

import os

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
