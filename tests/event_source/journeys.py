"""A broker, sources that read it, and the services that they report to, all real."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.event_source.brokers import BrokerUnderTest
from tests.support.service_process import ServiceProcess
from tests.support.services import rows
from tests.support.waiting import wait_until

MAPPING = """\
payload: json
events:
  - when: {$.type: match_won}
    user: $.player
    stat: matches_won
    delta: $.wins
    event_time: broker
  - when: {$.type: match_won_once}
    id: $.match
    user: $.player
    stat: matches_won
    delta: $.wins
    event_time: $.at
"""
PLAYERS = 20
ARRIVAL_S = 120.0


def wins(number: int, first: int = 0) -> list[bytes]:
    """Return messages of matches won by some players; the one with number N has N + 1 wins."""
    return [
        json.dumps({"type": "match_won", "player": f"player {each % PLAYERS}", "wins": each + 1}).encode()
        for each in range(first, first + number)
    ]


class Journey:
    """The way from a broker to the tallies of players."""

    def __init__(
        self, broker: BrokerUnderTest, database_url: str, folder: Path, stack: ExitStack, of_handler: Mapping[str, str]
    ) -> None:
        self.broker = broker
        self.database_url = database_url
        self.handler = stack.enter_context(ServiceProcess("event_handler", database_url, **of_handler))
        # Its health may be hidden behind TLS.
        self.handler.wait_for("serving")
        self._folder = folder
        self._stack = stack
        self._mapping = folder / "mapping.yaml"
        self._mapping.write_text(MAPPING, encoding="utf-8")
        self.published: list[bytes] = []

    def source(self, **environ: str) -> ServiceProcess:
        """Return a source that was started; it may not read yet."""
        settings = {
            **self.broker.environ(self._folder),
            "SOURCE_MAPPING": str(self._mapping),
            "GRACE_S": "60",
            "SOURCE_HANDLER": f"127.0.0.1:{self.handler.port}",
            **environ,
        }
        return self._stack.enter_context(ServiceProcess("event_source", self.database_url, **settings))

    def publish(self, payloads: Sequence[bytes]) -> None:
        """Publish messages."""
        self.broker.publish(payloads)
        self.published += payloads

    def counted(self) -> tuple[int, int]:
        """Return the number of events in the ledger, and the sum of wins in the tallies of all players."""
        [(ledger, wins, events)] = rows(
            self.database_url,
            "SELECT (SELECT count(*) FROM event_seen), coalesce(sum(sum), 0), coalesce(sum(events), 0) FROM tally"
            " WHERE schedule = 'lifetime' AND stat_code = 'matches_won'",
        )
        assert events == ledger, "the tallies have other events than the ledger"
        return ledger, int(wins)

    def wait_until_counted(self) -> None:
        """Wait until everything published is counted, and fail if anything is counted twice."""
        documents = [json.loads(payload) for payload in self.published]
        expected = len(documents), sum(document["wins"] for document in documents)
        wait_until(lambda: self.counted()[0] >= expected[0], ARRIVAL_S)
        assert self.counted() == expected


@contextmanager
def journey(broker: BrokerUnderTest, database_url: str, folder: Path, **of_handler: str) -> Iterator[Journey]:
    """Start an event handler, with these settings; yield the way to it."""
    with ExitStack() as stack:
        yield Journey(broker, database_url, folder, stack, of_handler)
