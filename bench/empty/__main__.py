"""`python -m bench.empty bare` and `python -m bench.empty admitted`: serve until a signal comes."""

from __future__ import annotations

import argparse
import json
import sys

from bench.empty.admitted import TELEMETRY, start_admitted
from bench.empty.bare import start_bare
from shared.runtime.signals import hold_stop_signals, wait_for_stop_signal


def main() -> None:
    """Serve, and say so in the line with which the services do."""
    parser = argparse.ArgumentParser(prog="python -m bench.empty")
    kinds = parser.add_subparsers(dest="kind", required=True)
    bare = kinds.add_parser("bare", help="nothing but gRPC")
    bare.add_argument("--bytes", type=int, default=0, help="length of each answer")
    admitted = kinds.add_parser("admitted", help="the services' server")
    admitted.add_argument("--telemetry", choices=TELEMETRY, default="metrics")
    admitted.add_argument("--collector", default="", help="where traces go (OTLP over gRPC)")
    for kind in (bare, admitted):
        kind.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()

    hold_stop_signals()
    # The server is held while this waits: one that nobody holds stops.
    server, port = (
        start_bare(arguments.bytes, arguments.threads)
        if arguments.kind == "bare"
        else start_admitted(arguments.telemetry, arguments.collector, arguments.threads)
    )
    sys.stdout.write(json.dumps({"message": "serving", "port": port}) + "\n")
    sys.stdout.flush()
    wait_for_stop_signal()
    del server


if __name__ == "__main__":
    main()
