"""Running services, and what their `/metrics` show."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.runtime.processes import metrics_at, samples
from tests.support.promtool import Snapshot, snapshot
from tests.support.service_process import DEMO, ServiceProcess
from tests.support.waiting import wait_until

SHOWN_S = 60.0


class Stack:
    """Both services on one database, as Prometheus sees them."""

    def __init__(self, services: Mapping[str, ServiceProcess], catalogue: Path) -> None:
        self.services = services
        self.catalogue = catalogue
        """The catalogue that they follow."""

    def page(self, name: str) -> str:
        """Return the metrics of one process."""
        return metrics_at(self.services[name].wait_for("started")["metrics_port"])

    def snapshot(self) -> Snapshot:
        """Return the metrics of both."""
        return snapshot({name: self.page(name) for name in self.services})

    def wait_for(self, name: str, metric: str, labels: str = "", above: float = 0.0) -> None:
        """Wait until a process shows a metric above a value."""
        wait_until(lambda: samples(self.page(name), metric).get(labels, 0.0) > above, SHOWN_S)


@contextmanager
def stack(database_url: str, folder: Path, **settings: str) -> Iterator[Stack]:
    """Run both services on a copy of the demo catalogue."""
    catalogue = folder / "catalogue.yaml"
    shutil.copy(DEMO, catalogue)
    with ExitStack() as running:
        services = {
            name: running.enter_context(ServiceProcess(name, database_url, CATALOGUE=str(catalogue), **settings))
            for name in ("challenge_service", "event_handler")
        }
        for service in services.values():
            service.wait_until_serving()
        yield Stack(services, catalogue)
