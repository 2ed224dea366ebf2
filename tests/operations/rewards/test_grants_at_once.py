"""While everything that moves completions and grants goes on at once, each of them is stored once."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from uuid import UUID

import pytest

from shared.domain.errors import ChallengeError
from shared.domain.events import Event
from shared.domain.grant_changes import Act, ActRefused, refunded, retried
from shared.domain.instant import DAY
from shared.domain.player_lines import LineReader, LineRefused, Row
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.goals.known_player import PlayerUnknown
from shared.operations.operators import goal_support
from shared.operations.operators.export_player import export_player
from shared.operations.operators.goal_support import GoalSupport, SupportRefused
from shared.operations.operators.import_players import PlayerImport
from shared.operations.rewards import grant_admin
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.claim_all import claim_all
from shared.operations.rewards.find_claims import list_claims
from shared.operations.rewards.grant_admin import OperatorAction
from shared.operations.statistics.recalculate import recalculate
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import settled_completions
from shared.postgres.goals.settled_completions import PlayerBusy
from shared.postgres.operators import player_import
from shared.postgres.rewards import grant_history
from tests.operations.goals.test_packing_at_once import at_once
from tests.support.databases import flushed, opened, soon
from tests.support.goals import catalogue_of, goal
from tests.support.grant_moves import let_grants_move, move_all
from tests.support.packing import pack_all, settle_all
from tests.support.services import ACTING, rows
from tests.support.strategies import FIRST_DAY, KILLS

pytestmark = [pytest.mark.usefixtures("patient_pool"), pytest.mark.slow]

NOW = FIRST_DAY * DAY
PLAYERS = ["ana", "bo", "cem"]
STEPS = 60
GOALS = [goal(f"goal {target}", target=target) for target in (1, 2, 3)]
CATALOGUE = catalogue_of(*GOALS, replace(goal("repeated", target=1), repeat=3))
EVERY = list(CATALOGUE.goals.values())
GRANTED_TWICE = (
    "SELECT user_id, goal_id, occurrence, claim_number FROM reward_claim"
    " GROUP BY user_id, goal_id, period_start, occurrence, claim_number, reward_number HAVING count(*) > 1"
)
COMPLETED_TWICE = (
    "SELECT user_id, goal_id, occurrence FROM ("
    " SELECT user_id, goal_id, period_start, occurrence FROM every_completion"
    " UNION ALL SELECT user_id, goal_id, period_start, occurrence FROM reopened_completion"
    ") AS found GROUP BY user_id, goal_id, period_start, occurrence HAVING count(*) > 1"
)
AT_ONCE = (
    ("report",),
    ("claim",),
    ("act", "reset"),
    ("export", "bring"),
    ("pack", "unpack", "move"),
    ("report", "claim", "pack", "move"),
)
"""The steps from which each of a player's threads chooses."""


@dataclass
class Site:
    """Changes of players, made by chance."""

    database: Database
    numbers: count[int] = field(default_factory=count)
    exports: dict[str, list[list[Row]]] = field(default_factory=lambda: defaultdict(list))

    def report(self, _: random.Random, player: str) -> None:
        flushed(self.database, CATALOGUE, [Event(f"{next(self.numbers)}", player, NOW, KILLS, delta=1)])

    def claim(self, chance: random.Random, player: str) -> None:
        with suppress(ChallengeError):
            if chance.random() < 0.7:
                claim_reward(self.database, CATALOGUE, player, chance.choice(EVERY), None, NOW, soon())
            else:
                claim_all(self.database, CATALOGUE, player, EVERY, NOW, soon())
        settle_all(self.database, player)

    def act(self, chance: random.Random, player: str) -> None:
        claims = list_claims(self.database, player, (), None, 100, soon())
        if claims:
            act, change = chance.choice([(Act.REFUND, refunded), (Act.RETRY, retried)])
            action = OperatorAction(act, partial(change, now=NOW), "ada", "asked for it")
            with suppress(ActRefused):
                grant_id = UUID(chance.choice(claims).grant_id)
                grant_admin.perform(self.database, grant_id, action, NOW, soon(), dry=False)

    def reset(self, chance: random.Random, player: str) -> None:
        support = GoalSupport(CATALOGUE, player, chance.choice(EVERY), ACTING)
        with suppress(SupportRefused, PlayerUnknown):
            goal_support.perform(
                self.database, lambda connection: support.reset(connection, with_others=True), soon(), dry=False
            )

    def export(self, _: random.Random, player: str) -> None:
        tables = self.database.autocommit(player_import.tables_of_players, soon())
        lines = export_player(self.database, player, soon())
        # No grant that may still be delivered is imported.
        with suppress(LineRefused):
            self.exports[player].append(list(LineReader(tables, CATALOGUE, "ada").rows(lines)))

    def bring(self, chance: random.Random, player: str) -> None:
        kept = [rows for rows in self.exports[player] if rows]
        if kept:
            tables = self.database.autocommit(player_import.tables_of_players, soon())
            name = f"{next(self.numbers)}"
            PlayerImport(self.database, CATALOGUE, tables, name, dry=False).store([chance.choice(kept)])

    def pack(self, _: random.Random, player: str) -> None:
        with suppress(PlayerBusy):
            pack_all(self.database, CATALOGUE, [player], NOW + 60 * DAY)

    def unpack(self, _: random.Random, player: str) -> None:
        def work(connection: Connection) -> int:
            return settled_completions.unpack(connection, [player])

        self.database.transact(work, soon())

    def move(self, _: random.Random, __: str) -> None:
        move_all(self.database, NOW + DAY)


def play(site: Site, chance: random.Random, player: str, names: Sequence[str]) -> None:
    for _ in range(STEPS):
        getattr(site, chance.choice(names))(chance, player)


@pytest.mark.parametrize("seed", range(6))
def test_each_is_stored_once(database_url: str, seed: int) -> None:
    chance = random.Random(seed)
    let_grants_move(database_url)
    with opened(database_url, pool_size=20) as database:
        record_catalogue(database, CATALOGUE, NOW, soon())
        database.transact(lambda connection: grant_history.make_partition(connection, NOW), soon())
        site = Site(database)
        at_once(
            [
                partial(play, site, random.Random(chance.random()), player, names)
                for player in PLAYERS
                for names in AT_ONCE
            ]
        )
        assert rows(database_url, COMPLETED_TWICE) == []
        assert rows(database_url, GRANTED_TWICE) == []
        assert recalculate(database, CATALOGUE, PLAYERS, soon()) == []
        report = grant_admin.report(database, soon())
        assert report.agrees, report
