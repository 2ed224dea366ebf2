"""A node of the cluster that is away."""

from __future__ import annotations

from urllib.parse import urlsplit

import psycopg

from shared.operations.database_probe import probe_database
from tests.support.citus import CitusServer
from tests.support.databases import opened
from tests.support.proxy import proxy_to
from tests.support.waiting import wait_until


def test_a_node_that_is_away_is_a_reason_not_to_serve_until_it_is_back(
    citus_server: CitusServer, citus_url: str
) -> None:
    node = citus_server.workers[0]
    with proxy_to(node) as (proxy, by_proxy), opened(citus_url, pool_size=1) as database:
        with psycopg.connect(citus_url, autocommit=True) as coordinator:
            # Not in one statement: the function changes the table that the statement reads.
            [(node_id,)] = coordinator.execute(
                "SELECT nodeid FROM pg_dist_node WHERE nodeport = %s", [urlsplit(node).port]
            ).fetchall()
            coordinator.execute(
                "SELECT citus_update_node(%s, %s, %s)", [node_id, urlsplit(by_proxy).hostname, urlsplit(by_proxy).port]
            )
        wait_until(lambda: probe_database(database) is None)
        proxy.refuse(True)
        proxy.cut()
        wait_until(lambda: probe_database(database) is not None)
        proxy.refuse(False)
        wait_until(lambda: probe_database(database) is None)
