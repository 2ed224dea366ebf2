"""A sample delivery."""

from __future__ import annotations

from shared.domain.events import CompletionKey
from shared.domain.grants import Delivery
from shared.domain.instant import HOUR
from shared.domain.reward import Reward, RewardType
from tests.support.services import NOW

DELIVERY = Delivery(
    grant_id="6b0f6f3e-6a0b-5a53-9b0c-0f2d3c7a9d11",
    key=CompletionKey("Zoë \U0001f3c6", "win-3", 0, 1),
    claim_number=1,
    reward=Reward(RewardType.WALLET, "GEMS", 10),
    claim_time=NOW,
    attempt=3,
    failures=2,
    lease_token=7,
    lease_until=NOW + HOUR,
)
