"""`python -m devstack.game`: serve the game until a signal. A line of JSON on standard output has its ports."""

from __future__ import annotations

import json
import os
import random
import signal
import sys

from devstack.game.game import Books, Game
from devstack.game.grpc_server import serve_grpc
from devstack.game.http_server import serve_http
from devstack.game.mood import Mood, MoodInvalid
from devstack.game.settings import GameSettings
from shared.runtime.settings import load
from shared.runtime.start_refused import SettingsInvalid

STOPPING = {signal.SIGINT, signal.SIGTERM}


def main() -> int:
    """Return 0 after a signal, 2 if the game cannot start."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        settings = load(GameSettings, os.environ)
        _serve(settings, Mood.model_validate_json(settings.mood))
    except (SettingsInvalid, MoodInvalid, OSError, RuntimeError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _serve(settings: GameSettings, mood: Mood) -> None:
    books = Books(settings.books)
    game = Game(books, mood, random.Random())  # noqa: S311 - moods are no secret
    host = settings.bind_address
    with (
        serve_grpc(game, host, settings.grpc_port) as port,
        serve_http(game, host, settings.http_port, settings.secret) as http_port,
    ):
        print(json.dumps({"message": "serving", "port": port, "http_port": http_port}), flush=True)
        signal.sigwait(STOPPING)
    books.close()


if __name__ == "__main__":
    sys.exit(main())
