"""Numbers that a live-ops team watches: completions, claims and grants by challenge."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1.event_service_pb2 import ReportEventRequest

from tests.runtime.processes import metrics_at, samples
from tests.support.event_messages import login, stat
from tests.support.service_process import ServiceProcess
from tests.support.waiting import wait_until

CATALOGUE = """\
challenges:
  - id: duels
    name: Duels
    goals:
      - id: duel
        name: Duel
        description: Win a duel.
        source: stat
        stat: duels_won
        count: sum
        target: 1
        reward: {type: WALLET, id: COINS, quantity: 1}
        default_assigned: true
      - id: extra
        name: Extra
        description: Win a duel, for those who ask for it.
        source: stat
        stat: duels_won
        count: sum
        target: 1
        reward: {type: WALLET, id: COINS, quantity: 1}
        default_assigned: false
        claim: auto
  - id: logins
    name: Logins
    goals:
      - id: welcome
        name: Welcome
        description: Log in.
        source: login
        count: events
        target: 1
        reward: {type: WALLET, id: COINS, quantity: 1}
        default_assigned: true
        claim: auto
"""


@pytest.mark.slow
def test_completions_claims_and_grants_are_counted_by_challenge(database_url: str, tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.yaml"
    catalogue.write_text(CATALOGUE)
    settings = {"CATALOGUE": str(catalogue), "REWARD_WALLET_PROVIDER": "log"}
    with ExitStack() as running:
        service, handler = (
            running.enter_context(ServiceProcess(module, database_url, **settings))
            for module in ("challenge_service", "event_handler")
        )
        for each in (service, handler):
            each.wait_until_serving()
        now = time.time_ns() // 1_000
        for event in (login(at=now), stat("duels_won", delta=1, at=now)):
            handler.events.ReportEvent(ReportEventRequest(event=event))
            handler.events.ReportEvent(ReportEventRequest(event=event))
        request = rpc.ClaimRewardRequest(user_id="player", challenge_id="duels", goal_id="duel", request_id="one")
        first = service.challenges.ClaimReward(request).claim
        assert service.challenges.ClaimReward(request).claim.grant_id == first.grant_id

        switch = rpc.SetGoalActiveRequest(user_id="player", challenge_id="duels", goal_id="extra", active=True)
        service.challenges.SetGoalActive(switch)
        service.challenges.SetGoalActive(switch)

        def shown(of: ServiceProcess, metric: str) -> dict[str, float]:
            return dict(samples(metrics_at(of.wait_for("started")["metrics_port"]), metric))

        assert shown(handler, "completions_total") == {'{challenge="duels"}': 1, '{challenge="logins"}': 1}
        assert shown(handler, "claims_total") == {'{by="automatic",challenge="logins"}': 1}
        assert shown(service, "completions_total") == {'{challenge="duels"}': 1}
        assert shown(service, "claims_total") == {
            '{by="automatic",challenge="duels"}': 1,
            '{by="call",challenge="duels"}': 1,
        }
        granted = {'{challenge="duels",state="GRANTED"}': 2, '{challenge="logins",state="GRANTED"}': 1}
        wait_until(lambda: shown(service, "grants_total") == granted)
        assert shown(handler, "event_acknowledgement_seconds_count") == {"": 4}
