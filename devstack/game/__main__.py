"""`python -m devstack.game`: serve the game until a signal. A line of JSON on standard output has its ports."""

from __future__ import annotations

import json
import os
import random
import signal
import sys

from devstack.game.fault_plan import FaultPlan, FaultPlanInvalid
from devstack.game.game import Game, GrantLog
from devstack.game.grpc_server import serve_grpc
from devstack.game.http_server import serve_http
from devstack.game.settings import GameSettings
from shared.runtime.settings import load
from shared.runtime.start_refused import SettingsInvalid

STOPPING = {signal.SIGINT, signal.SIGTERM}


def main() -> int:
    """Return 0 after a signal, 2 if the game cannot start."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        settings = load(GameSettings, os.environ)
        _serve(settings, FaultPlan.model_validate_json(settings.faults))
    except (SettingsInvalid, FaultPlanInvalid, OSError, RuntimeError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _serve(settings: GameSettings, faults: FaultPlan) -> None:
    grant_log = GrantLog(settings.grant_log)
    game = Game(grant_log, faults, random.Random())  # noqa: S311 - faults are no secret
    host = settings.bind_address
    with (
        serve_grpc(game, host, settings.grpc_port) as port,
        serve_http(game, host, settings.http_port, settings.secret) as http_port,
    ):
        print(json.dumps({"message": "serving", "port": port, "http_port": http_port}), flush=True)
        signal.sigwait(STOPPING)
    grant_log.close()


if __name__ == "__main__":
    sys.exit(main())
