"""The alerts of event sources fire when their faults are caused on a running source."""

from __future__ import annotations

from pathlib import Path

import pytest

from devstack.nats import EmbeddedNats
from tests.event_source.brokers import NatsUnderTest
from tests.event_source.journeys import journey, wins
from tests.runtime.processes import metrics_at, samples
from tests.support.promtool import Snapshot, needs_promtool, require_firing, snapshot
from tests.support.service_process import ServiceProcess
from tests.support.waiting import wait_until

pytestmark = [needs_promtool, pytest.mark.slow]

SHOWN_S = 60.0
MESSAGES = 1_500
"""More than `SourceLags` takes for a moment's delay."""
LAG = '{of="consumer"}'


def taken(**processes: ServiceProcess) -> Snapshot:
    """Return the metrics of processes."""
    return snapshot({name: metrics_at(each.wait_for("started")["metrics_port"]) for name, each in processes.items()})


def shown(process: ServiceProcess, metric: str, labels: str = "") -> float:
    return samples(metrics_at(process.wait_for("started")["metrics_port"]), metric).get(labels, 0.0)


# Only the event handler runs here, no challenge service.
ABSENT = {"ServiceAbsent"}


def test_a_source_that_cannot_report_pauses_and_falls_behind(
    nats_broker: EmbeddedNats, database_url: str, tmp_path: Path
) -> None:
    with journey(NatsUnderTest(nats_broker), database_url, tmp_path) as way:
        source = way.source(SOURCE_MESSAGES_MAX="1000", GRACE_S="1")
        source.wait_until_serving()
        way.publish(wins(10))
        way.wait_until_counted()
        # It is not a number before it is first asked for.
        wait_until(lambda: shown(source, "source_lag_messages", LAG) == 0, SHOWN_S)
        before = taken(source=source, handler=way.handler)
        require_firing(ABSENT, [before], 20, tmp_path)
        # From now on every call fails.
        way.handler.kill()
        way.publish(wins(MESSAGES))
        wait_until(lambda: shown(source, "source_paused") == 1, SHOWN_S)
        wait_until(lambda: shown(source, "source_lag_messages", LAG) >= MESSAGES, SHOWN_S)
        paused = taken(source=source)
        require_firing({*ABSENT, "SourcePaused", "SourceLags"}, [before, paused], 20, tmp_path)


def test_messages_that_become_dead_letters(nats_broker: EmbeddedNats, database_url: str, tmp_path: Path) -> None:
    broker = NatsUnderTest(nats_broker)
    with journey(broker, database_url, tmp_path) as way:
        source = way.source()
        source.wait_until_serving()
        before = taken(source=source, handler=way.handler)
        broker.publish([b"neither JSON nor anything"])
        assert len(broker.dead_letters(1)) == 1
        wait_until(lambda: shown(source, "source_dead_letters_total", '{verdict="UNMAPPABLE"}') == 1, SHOWN_S)
        require_firing({*ABSENT, "DeadLetters"}, [before, taken(source=source, handler=way.handler)], 4, tmp_path)
