"""Metrics of completions and claims, counted where they are committed, whatever has caused them."""

from __future__ import annotations

from shared.domain.achieved import Achieved
from shared.runtime.telemetry import Telemetry

BY_CALL, AUTOMATIC = "call", "automatic"
"""The ways in which rewards are claimed, as a label."""


class AchievementTelemetry:
    """Counts completions and claims by challenge."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._completions = telemetry.bounded_counter(
            "completions", "Goals that were completed, by challenge.", labels=("challenge",)
        )
        self._claims = telemetry.bounded_counter(
            "claims",
            "Rewards that were claimed, by challenge and by whether a call did it.",
            labels=("challenge", "by"),
        )

    def count(self, achieved: Achieved) -> None:
        """Count what a transaction has committed."""
        for challenge_id in achieved.completed:
            self._completions.add(challenge_id)
        for challenge_id in achieved.claimed_by_call:
            self._claims.add(challenge_id, BY_CALL)
        for challenge_id in achieved.claimed_automatically:
            self._claims.add(challenge_id, AUTOMATIC)
