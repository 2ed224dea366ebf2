"""The development stack's game with both of its servers, and the providers that deliver to it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from devstack.game.fault_plan import FaultPlan
from devstack.game.game import Game, GrantLog
from devstack.game.grpc_server import serve_grpc
from devstack.game.http_server import serve_http
from devstack.ports import LOOPBACK
from shared.domain.grants import Provider
from shared.providers.game_service import GameServiceProvider
from shared.providers.webhook import WebhookProvider
from shared.runtime.clock import system_clock

SECRET = "a secret that both sides know"
CONNECTIONS = 32


class OpenGame(NamedTuple):
    """A game in this process."""

    game: Game
    grpc_target: str
    http_url: str

    def times_given(self) -> Counter[tuple[str, str]]:
        """Return the number of times that each player got the reward of each goal, by the game's own log."""
        return Counter((gift.user_id, gift.goal_id) for gift in self.game.grant_log.given())


@contextmanager
def open_game(faults: FaultPlan | None = None, grant_log: GrantLog | None = None, seed: int = 23) -> Iterator[OpenGame]:
    """Start a game whose moods come in the same order in every run."""
    game = Game(grant_log or GrantLog(), faults or FaultPlan(), random.Random(seed))
    with serve_grpc(game, LOOPBACK, 0) as port, serve_http(game, LOOPBACK, 0, SECRET) as http_port:
        yield OpenGame(game, f"{LOOPBACK}:{port}", f"http://{LOOPBACK}:{http_port}")


@contextmanager
def provider_to(opened: OpenGame, name: str, timeout_s: float) -> Iterator[Provider]:
    """Yield the provider `grpc` or `webhook` as the services construct it."""
    provider: Provider
    if name == "grpc":
        provider = GameServiceProvider(opened.grpc_target, timeout_s=timeout_s)
    else:
        provider = WebhookProvider(
            f"{opened.http_url}/grants", SECRET, timeout_s=timeout_s, connections=CONNECTIONS, clock=system_clock
        )
    try:
        yield provider
    finally:
        provider.close()
