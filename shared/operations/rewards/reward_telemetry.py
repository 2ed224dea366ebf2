"""Metrics of reward delivery."""

from __future__ import annotations

import math
from collections.abc import Iterable

from shared.domain.claims import ClaimState
from shared.domain.instant import SECOND, Instant
from shared.postgres.rewards.queue_marks import Depth
from shared.runtime.telemetry import Telemetry

ATTEMPT_BUCKETS = (1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)


class RewardTelemetry:
    """Metrics of all providers of a process."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.attempts = telemetry.counter(
            "reward_attempts",
            "Attempts to deliver a grant, by its state afterwards.",
            labels=("provider", "state"),
        )
        self.attempts_needed = telemetry.histogram(
            "reward_attempts_needed",
            "Attempts needed until a grant was settled.",
            buckets=ATTEMPT_BUCKETS,
            labels=("provider",),
        )
        self.provider_seconds = telemetry.histogram(
            "reward_provider_seconds", "Duration of calls to providers.", labels=("provider",)
        )
        self.leases_lost = telemetry.counter(
            "reward_leases_lost", "Outcomes that arrived after their lease had ended.", labels=("provider",)
        )
        self.grants = telemetry.bounded_counter(
            "grants", "Grants that were settled, by challenge and final state.", labels=("challenge", "state")
        )
        self.reconciled = telemetry.counter(
            "reward_reconciled",
            "Grants that were stuck in delivery, by their state afterwards.",
            labels=("provider", "state"),
        )
        self.breaker_open = telemetry.labelled_gauge(
            "reward_breaker_open", "1 while a provider is not called because it keeps failing.", labels=("provider",)
        )
        self._depth = telemetry.labelled_gauge(
            "reward_queue_depth",
            "Grants waiting in the queue, as last counted; not a number if that failed.",
            labels=("provider",),
        )
        self._oldest = telemetry.labelled_gauge(
            "reward_oldest_due_seconds", "Time for which the oldest waiting grant has been due.", labels=("provider",)
        )
        self._exported: set[str] = set()
        """Providers that are configured here, or had waiting grants."""
        self._providers: dict[str, ProviderTelemetry] = {}

    def export_queues(self, depths: Iterable[Depth], now: Instant) -> None:
        """Export the lengths of the queues. The queue of a provider that is not in `depths` is empty."""
        waiting = {depth.provider: depth for depth in depths}
        self._exported |= waiting.keys() | self._providers.keys()
        for provider in self._exported:
            depth = waiting.get(provider)
            self._depth.labels(provider).set(depth.grants if depth else 0)
            self._oldest.labels(provider).set(max(0, now - depth.oldest_due_time) / SECOND if depth else 0)

    def export_unknown_queues(self) -> None:
        """Export that the lengths of the queues are not known."""
        for provider in self._exported:
            self._depth.labels(provider).set(math.nan)
            self._oldest.labels(provider).set(math.nan)

    def of_provider(self, name: str) -> ProviderTelemetry:
        """Return the metrics of one provider."""
        if name not in self._providers:
            self._providers[name] = ProviderTelemetry(self, name)
        return self._providers[name]


class ProviderTelemetry:
    """Metrics of one provider."""

    def __init__(self, all_providers: RewardTelemetry, name: str) -> None:
        self._attempts = {state: all_providers.attempts.labels(name, state.value) for state in ClaimState}
        self._reconciled = {state: all_providers.reconciled.labels(name, state.value) for state in ClaimState}
        self._grants = all_providers.grants
        self._attempts_needed = all_providers.attempts_needed.labels(name).observe
        self.took = all_providers.provider_seconds.labels(name).observe
        self.lease_lost = all_providers.leases_lost.labels(name).inc
        self.breaker_open = all_providers.breaker_open.labels(name).set

    def settled(self, challenge_id: str, state: ClaimState, attempt: int) -> None:
        """Count a recorded outcome of an attempt."""
        self._attempts[state].inc()
        if state is not ClaimState.PENDING:
            self._attempts_needed(attempt)
            self._grants.add(challenge_id, state.value)

    def reconciled(self, challenge_id: str, state: ClaimState) -> None:
        """Count a grant that is no longer stuck."""
        self._reconciled[state].inc()
        if state is not ClaimState.PENDING:
            self._grants.add(challenge_id, state.value)
