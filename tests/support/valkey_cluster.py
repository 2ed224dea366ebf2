"""A cluster of embedded Valkey servers, and Sentinels beside a server and its replica."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import redis
from redis.crc import key_slot

from devstack.binaries import valkey_server
from devstack.ports import LOOPBACK
from devstack.process import Child
from devstack.server import ENVIRONMENT, EmbeddedServer
from devstack.valkey import STOP_S, EmbeddedValkey
from tests.support.reserved_port import ReservedPort
from tests.support.waiting import wait_until

SLOTS = 16_384
NODE_TIMEOUT_MS = 2_000
"""Milliseconds until the other nodes of a cluster consider a silent one as failed: longer than between two probes."""
DOWN_AFTER_MS = 2_000
SERVICE = "boards"


class ValkeyCluster:
    """Primaries that share all slots, and replicas of the first ones."""

    def __init__(self, nodes: list[EmbeddedValkey], primaries: int, password: str) -> None:
        self.nodes = nodes
        self._primaries = primaries
        self._password = password

    @property
    def url(self) -> str:
        """The address of the cluster, with two of its nodes."""
        hosts = ",".join(f"{LOOPBACK}:{node.port}" for node in self.nodes[:2])
        return f"redis+cluster://:{self._password}@{hosts}"

    def form(self) -> None:
        """Make the nodes known to each other, and divide all slots among the primaries."""
        with ExitStack() as opened:
            clients = [opened.enter_context(redis.Redis.from_url(node.url)) for node in self.nodes]
            size = -(-SLOTS // self._primaries)
            for number, client in enumerate(clients):
                client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
                if number < self._primaries:
                    last = min((number + 1) * size, SLOTS) - 1
                    client.execute_command("CLUSTER ADDSLOTSRANGE", number * size, last)
            for node in self.nodes[1:]:
                clients[0].execute_command("CLUSTER MEET", LOOPBACK, node.port, bus_port(node))
            wait_until(lambda: all(_knows(client, len(clients)) for client in clients))
            ids = [client.execute_command("CLUSTER MYID") for client in clients]
            for number, client in enumerate(clients[self._primaries :]):
                client.execute_command("CLUSTER REPLICATE", ids[number])
            wait_until(lambda: all(is_well(client) for client in clients))
            wait_until(lambda: all(_has_replica(clients[number]) for number in range(len(clients) - self._primaries)))

    def node_of(self, hash_tag: str) -> EmbeddedValkey:
        """Return the first primary of a slot."""
        return self.nodes[key_slot(hash_tag.encode()) // -(-SLOTS // self._primaries)]

    def flush(self) -> None:
        """Delete all keys of all primaries."""
        for node in self.nodes[: self._primaries]:
            with redis.Redis.from_url(node.url) as client:
                client.flushall()


def bus_port(node: EmbeddedValkey) -> int:
    """Return the port on which a node hears of the others."""
    with redis.Redis.from_url(node.url) as client:
        return int(client.config_get("cluster-port")["cluster-port"])


def _knows(client: redis.Redis, count: int) -> bool:
    return int(_cluster_info(client)["cluster_known_nodes"]) == count


def is_well(client: redis.Redis) -> bool:
    """Return whether all slots are served, as a node sees it."""
    return _cluster_info(client)["cluster_state"] == "ok"


def _cluster_info(client: redis.Redis) -> dict[str, str]:
    info: dict[str, str] = client.execute_command("CLUSTER INFO")  # type: ignore[no-untyped-call]
    return info


def _has_replica(client: redis.Redis) -> bool:
    return bool(client.info("replication")["connected_slaves"])


@contextmanager
def valkey_cluster(
    folder: Path, *, primaries: int = 3, replicas: int = 0, settings: Sequence[str] = ()
) -> Iterator[ValkeyCluster]:
    """Start a cluster. Of each of the first primaries there is a replica, as many as `replicas`."""
    password = secrets.token_urlsafe(12)
    with ExitStack() as started:

        def port() -> int:
            # Nodes find each other again by their ports, so no other server may get one.
            reserved = ReservedPort()
            started.callback(reserved.close)
            return reserved.number

        nodes = [
            started.enter_context(
                EmbeddedValkey(
                    folder / f"node-{number}",
                    port=port(),
                    password=password,
                    settings=(
                        f"masterauth {password}",
                        "cluster-enabled yes",
                        f"cluster-port {port()}",
                        f"cluster-config-file {folder / f'nodes-{number}.conf'}",
                        f"cluster-node-timeout {NODE_TIMEOUT_MS}",
                        "cluster-replica-validity-factor 0",
                        *settings,
                    ),
                )
            )
            for number in range(primaries + replicas)
        ]
        cluster = ValkeyCluster(nodes, primaries, password)
        cluster.form()
        yield cluster


class EmbeddedSentinel(EmbeddedServer):
    """A Sentinel that alone decides about one primary."""

    name = "sentinel"
    start_s = 10

    def __init__(self, directory: Path, primary: EmbeddedValkey, password: str) -> None:
        super().__init__(directory, 0)
        self._primary = primary
        self._password = password

    def _child_on(self, port: int) -> Child:
        # It writes what it finds out into its configuration.
        configuration = self.directory / "sentinel.conf"
        lines = (
            f"bind {LOOPBACK}",
            f"port {port}",
            f"dir {self.directory}",
            f"sentinel monitor {SERVICE} {LOOPBACK} {self._primary.port} 1",
            f"sentinel auth-pass {SERVICE} {self._password}",
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {SERVICE} 2000",
        )
        configuration.write_text("\n".join(lines) + "\n")
        command = [str(valkey_server()), str(configuration), "--sentinel"]
        return Child(self.name, command, output=self._log, env=ENVIRONMENT, grace_s=STOP_S)

    def _is_ready(self, child: Child, port: int) -> bool:  # noqa: ARG002 - the service tells whose Sentinel it is
        try:
            with redis.Redis(host=LOOPBACK, port=port) as client:
                return self._knows_replica(client)
        except redis.RedisError:
            return False

    def _knows_replica(self, client: redis.Redis) -> bool:
        return len(client.sentinel_slaves(SERVICE)) == 1

    @property
    def url(self) -> str:
        """The address of the service."""
        return f"redis+sentinel://:{self._password}@{LOOPBACK}:{self.port}/{SERVICE}"


class Watched(NamedTuple):
    """A primary and its replica, watched by a Sentinel."""

    primary: EmbeddedValkey
    replica: EmbeddedValkey
    sentinel: EmbeddedSentinel


@contextmanager
def watched_by_sentinel(folder: Path) -> Iterator[Watched]:
    """Start a primary, its replica and a Sentinel that knows both."""
    password = secrets.token_urlsafe(12)
    auth = f"masterauth {password}"
    with ExitStack() as started:
        primary = started.enter_context(EmbeddedValkey(folder / "primary", password=password, settings=(auth,)))
        follows = f"replicaof {LOOPBACK} {primary.port}"
        replica = started.enter_context(EmbeddedValkey(folder / "replica", password=password, settings=(auth, follows)))
        with redis.Redis.from_url(primary.url) as client:
            wait_until(lambda: _has_replica(client))
        yield Watched(primary, replica, started.enter_context(EmbeddedSentinel(folder / "sentinel", primary, password)))
