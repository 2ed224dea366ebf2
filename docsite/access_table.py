"""The table of methods and roles in `docs/identity.md`: `make settings` brings it up to date with the contract."""

from __future__ import annotations

from pathlib import Path

from challenge.v1 import (
    challenge_service_pb2,
    event_service_pb2,
    leaderboard_service_pb2,
    statistics_service_pb2,
)

from shared.domain.access import PLAYER_ROLES
from shared.rpc.method_access import access_of

PAGE = Path(__file__).parents[1] / "docs" / "identity.md"
_FILES = (challenge_service_pb2, event_service_pb2, leaderboard_service_pb2, statistics_service_pb2)
_FIRST = "| Method |"


def access_table() -> str:
    """Return the table: a row for each method."""
    rows = [f"{_FIRST} Role | A player's token |", "|---|---|---|"]
    for file in _FILES:
        for service in file.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                access = access_of(method)
                player = "no"
                if access.needs in PLAYER_ROLES:
                    player = "yes" if access.speaks_for is None else "for its own player"
                rows.append(f"| `{service.name}/{method.name}` | `{access.needs or 'denied'}` | {player} |")
    return "\n".join(rows) + "\n"


def with_current_table(page: str) -> str:
    """Return the page with today's table in place of the one that it has."""
    first = page.index(_FIRST)
    end = page.index("\n\n", first) + 1
    return page[:first] + access_table() + page[end:]


if __name__ == "__main__":
    PAGE.write_text(with_current_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
