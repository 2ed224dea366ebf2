"""Delivery of grants as part of a process: for each provider a dispatcher, and the duty for stuck grants."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from shared.domain.grants import RetryPolicy
from shared.operations.rewards.destination import IDLE_POLL_S, Destination
from shared.operations.rewards.dispatch import PASS_INTERVAL_S, STATEMENT_TIMEOUT_S, Dispatcher
from shared.operations.rewards.queue_position import COUNT_INTERVAL_S, COUNT_TIMEOUT_S, count_queue
from shared.operations.rewards.reconcile import RECONCILE_INTERVAL_S, reconcile
from shared.operations.rewards.reward_telemetry import RewardTelemetry
from shared.postgres.database import Database
from shared.providers.opening import open_providers
from shared.runtime.clocks import Clocks
from shared.runtime.process_name import ProcessName
from shared.runtime.reward_settings import RewardSettings
from shared.runtime.service import Process
from shared.wiring.transport_security import open_reward_tls

STOP_MARGIN_S = 1.0


def start_delivery(
    settings: RewardSettings, database: Database, clocks: Clocks, process: Process
) -> Callable[[], object]:
    """Start to deliver, by the clock of the database, which all processes share.

    Return a function that says that this process has claimed, so that it delivers at once. At shutdown, deliveries
    under way are completed and recorded, and the rest is released.

    Raise `StartRefused` if a provider is named but not configured.
    """
    telemetry = RewardTelemetry(process.telemetry)

    def once_compared(one_pass: Callable[[], object]) -> Callable[[], None]:
        """Return a pass that does nothing before the database's clock was read."""

        def guarded() -> None:
            if clocks.wait_until_compared():
                one_pass()

        return guarded

    owner = ProcessName()
    count = partial(count_queue, database, clocks.database, telemetry)
    process.duties.start("count reward queue", COUNT_INTERVAL_S, once_compared(count), pass_s=COUNT_TIMEOUT_S)
    tls = open_reward_tls(settings, process)
    dispatchers: list[Dispatcher] = []
    for name, provider in open_providers(settings, process.clock, tls).items():
        process.lifecycle.on_stop(f"provider {name}", provider.close)
        destination = Destination(
            name=name,
            provider=provider,
            timeout_s=settings.timeout_s,
            concurrency=settings.concurrency,
            policy=RetryPolicy(attempts_max=settings.attempts_max),
            owner=owner,
        )
        dispatcher = Dispatcher(database, destination, clocks.database, telemetry)
        dispatchers.append(dispatcher)
        process.lifecycle.on_stop(
            f"deliveries to {name}",
            dispatcher.close,
            timeout_s=2 * settings.timeout_s + STATEMENT_TIMEOUT_S + STOP_MARGIN_S,
        )
        process.duties.start(
            f"deliver to {name}",
            PASS_INTERVAL_S,
            once_compared(dispatcher.one_pass),
            pass_s=IDLE_POLL_S + 2 * STATEMENT_TIMEOUT_S,
        )
        reconcile_pass = partial(reconcile, database, destination, clocks.database, telemetry)
        process.duties.start(
            f"reconcile {name}",
            RECONCILE_INTERVAL_S,
            once_compared(reconcile_pass),
            pass_s=2 * settings.timeout_s,
        )

    def wake() -> None:
        for each in dispatchers:
            each.wake()

    return wake
