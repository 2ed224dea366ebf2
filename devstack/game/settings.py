"""Settings of the game."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from devstack.game.mood import DELAY_MAX_S
from shared.runtime.settings import setting

PUBLIC_SECRET = "the game's secret, known to everybody"  # noqa: S105 - guards nothing


def _share(env: str, what: str) -> float:
    share: float = setting(env, default=0.0, minimum=0, maximum=1, help=f"Share of attempts: {what}.")
    return share


@dataclass(frozen=True, kw_only=True)
class GameSettings:
    """All settings of the game. The shares add up to 1 at most."""

    grpc_port: int = setting("GAME_GRPC_PORT", default=50_055, minimum=0, maximum=65_535, help="Port for gRPC.")
    http_port: int = setting("GAME_HTTP_PORT", default=8_055, minimum=0, maximum=65_535, help="Port for HTTP.")
    secret: str = setting("GAME_SECRET", default=PUBLIC_SECRET, help="Key of the webhook's signature.")
    books: Path | None = setting("GAME_BOOKS", help="File in which the books are kept. Not set: in memory.")
    delay_s: float = setting(
        "GAME_DELAY_S", default=0.0, unit="seconds", minimum=0, maximum=DELAY_MAX_S, help="Pause before each response."
    )
    errors: float = _share("GAME_ERRORS", "nothing is given, and the response is an error")
    silence: float = _share("GAME_SILENCE", "the reward is given, and there is no response")
    nonsense: float = _share("GAME_NONSENSE", "the reward is given, and the response cannot be parsed")
    refusals: float = _share("GAME_REFUSALS", "the reward is refused for good")
    bind_address: str = setting("BIND_ADDRESS", default="127.0.0.1", help="Address that both ports are opened on.")
