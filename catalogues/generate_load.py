"""Write a catalogue for load tests; without arguments the one in `load.yaml`.

Challenge `challenge-001` holds the goals `challenge-001-goal-01`, `challenge-001-goal-02` and so on. The first
challenge counts logins, the next four count one stat each, and this pattern repeats (`KINDS`). The first goals of each
challenge are assigned by default.

    python catalogues/generate_load.py --output catalogues/load.yaml
    python catalogues/generate_load.py --challenges 4 --goals 200 --default-assigned 20
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, NamedTuple

import yaml

HEADER = "# Written by catalogues/generate_load.py: change the rule there, not the goals here.\n"


class Kind(NamedTuple):
    """The requirement shared by the goals of one challenge."""

    name: str
    requirement: dict[str, str]
    step: int
    """Goal number g has the target `step * g`."""


KINDS = (
    Kind("Log in", {"source": "login", "count": "events"}, 1),
    Kind("Defeat enemies", {"source": "stat", "stat": "enemy_kills", "count": "latest"}, 10),
    Kind("Play games", {"source": "stat", "stat": "games_played", "count": "latest"}, 2),
    Kind("Score headshots", {"source": "stat", "stat": "headshots", "count": "latest"}, 5),
    Kind("Win", {"source": "stat", "stat": "wins", "count": "latest"}, 1),
)
"""By the challenge's position in the list, from 0, modulo 5: challenges 001 and 006 count logins."""


def reward(g: int) -> dict[str, Any]:
    """Return the reward of goal number g: every tenth pays much, every fifth a box, the others a little."""
    if g % 10 == 0:
        return {"type": "WALLET", "id": "GEMS", "quantity": 50 * g}
    if g % 5 == 0:
        return {"type": "ITEM", "id": "LOOTBOX_SILVER", "quantity": 1}
    return {"type": "WALLET", "id": "GEMS", "quantity": 10 * g}


def challenge(index: int, goals: int, default_assigned: int) -> dict[str, Any]:
    """Return the challenge at `index`, from 0, with `goals` goals, of which the first are assigned by default."""
    challenge_id = f"challenge-{index + 1:03}"
    kind = KINDS[index % len(KINDS)]
    return {
        "id": challenge_id,
        "name": f"{kind.name} {index + 1:03}",
        "goals": [
            {
                "id": f"{challenge_id}-goal-{g:02}",
                "name": f"{kind.name}: {kind.step * g}",
                **kind.requirement,
                "target": kind.step * g,
                "reward": reward(g),
                **({"default_assigned": True} if g <= default_assigned else {}),
            }
            for g in range(1, goals + 1)
        ],
    }


def catalogue(challenges: int, goals: int, default_assigned: int) -> str:
    """Return the YAML text of a catalogue of `challenges` challenges with `goals` goals each."""
    content = {"challenges": [challenge(index, goals, default_assigned) for index in range(challenges)]}
    text: str = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=120)
    return HEADER + text


def main() -> None:
    """Write to the requested file, or to standard output."""
    parser = argparse.ArgumentParser(description="Write a catalogue for load tests.")
    parser.add_argument("--challenges", type=int, default=10, help="how many (default: %(default)s)")
    parser.add_argument("--goals", type=int, default=50, help="how many in each challenge (default: %(default)s)")
    parser.add_argument(
        "--default-assigned", type=int, default=1, help="how many of each challenge's goals (default: %(default)s)"
    )
    parser.add_argument("--output", type=Path, help="the file to write (default: standard output)")
    arguments = parser.parse_args()
    if arguments.challenges < 1 or arguments.goals < 1 or not 0 <= arguments.default_assigned <= arguments.goals:
        parser.error("at least one challenge with one goal is needed, and at most all goals can be assigned by default")
    text = catalogue(arguments.challenges, arguments.goals, arguments.default_assigned)
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        arguments.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
