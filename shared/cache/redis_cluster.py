"""The connections to a cluster by redis-py. A ranking's keys share a slot, so each question goes to one node."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.crc import key_slot
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from shared.cache.deadline_socket import cluster_connection_class
from shared.cache.errors import CacheUnavailable
from shared.cache.keys import hash_tag, probe_key
from shared.cache.redis_client import (
    PROBE_BYTES,
    PROBE_TTL_MS,
    RedisClient,
    ServerIdentity,
    promotion_of,
    require_primary,
)
from shared.domain.scores import RankingKey
from shared.runtime.redis_address import RedisAddress

_T = TypeVar("_T")

_MODES = {
    mode: f"Redis is no cluster ({mode}): REDIS_URL must not begin with redis+cluster:// or rediss+cluster://"
    for mode in ("standalone", "sentinel")
}
PROBE_KEYS_MAX = 1_000_000
"""Names tried to find one in a slot of a node; a node with a single slot needs 16,384 on average."""


class ClusterClient(RedisClient):
    """Pools of connections to all nodes of a cluster."""

    modes = _MODES

    def __init__(
        self, address: RedisAddress, *, connections_max: int, connect_timeout_s: float, timeout_s: float
    ) -> None:
        """Note the address. The first question connects."""
        self._address = address
        self._opening = threading.Lock()
        self._identities: dict[tuple[str, int], ServerIdentity] = {}
        self._probe_keys: dict[str, str] = {}
        self._doubtful = False
        super().__init__(
            address.url, connections_max=connections_max, connect_timeout_s=connect_timeout_s, timeout_s=timeout_s
        )

    def _open(self, url: str) -> Any:  # noqa: ARG002 - redis-py connects when it makes the client of a cluster
        return None

    def _connect(self) -> Any:
        if self._client is None:
            with self._opening:
                if self._client is None:
                    self._client = self._opened()
        return self._client

    def _opened(self) -> RedisCluster:
        url = self._address.url
        return RedisCluster(
            # redis-py would take a class of its own for rediss://.
            url=f"redis://{url.partition('://')[2]}",
            startup_nodes=[
                ClusterNode(host, port)  # type: ignore[no-untyped-call]
                for host, port in self._address.hosts
            ],
            # A question that fails is not repeated: its time limit is short, and Postgres replies instead.
            retry=Retry(NoBackoff(), 0),
            require_full_coverage=True,
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
            connection_class=cluster_connection_class(url),
            **self._options,
        )

    def ask(self, question: Callable[[redis.Redis], _T], timeout_s: float) -> _T:
        """Return what `question` returns, within the time limit. Raise `CacheUnavailable` or `CacheRefused`."""
        try:
            return super().ask(question, timeout_s)
        except CacheUnavailable:
            self._doubtful = True
            raise

    def run_id_of(self, ranking: RankingKey) -> str | None:
        """Return the run id of the primary that has a ranking, as of its newest connection; None before the first.

        So the loss of a node costs its own rankings alone.
        """
        if self._client is None:
            return None
        nodes = self._client.nodes_manager.slots_cache.get(key_slot(hash_tag(ranking).encode()))
        identity = self._identities.get((nodes[0].host, int(nodes[0].port))) if nodes else None
        return None if identity is None else identity.text

    def probes(self, prefix: str) -> Iterable[Callable[[redis.Redis], object]]:
        """Yield questions to all primaries that succeed if rankings can be stored."""
        yield self._rediscover
        for name in list(self.nodes(self._client)):
            yield partial(self._of_node, name, lambda node: node.echo("." * PROBE_BYTES))
            yield partial(self._of_node, name, partial(_write, self._probe_key(prefix, name)))
            yield partial(self._of_node, name, partial(self._look_for_promotion_of, name))

    def _look_for_promotion_of(self, name: str, node: redis.Redis) -> None:
        host, _, port = name.rpartition(":")
        promotion = promotion_of(require_primary(node))
        known = self._identities.get((host, int(port)))
        if known is not None:
            self._identities[host, int(port)] = known._replace(promotion=promotion)

    def nodes(self, client: Any) -> Mapping[str, redis.Redis]:
        """Return all primaries by host and port."""
        return {node.name: client.get_redis_connection(node) for node in client.get_primaries()}

    def _rediscover(self, client: Any) -> None:
        """Find out again which node has which slots, if a question has failed since."""
        if self._doubtful:
            client.nodes_manager.initialize(disconnect_startup_nodes_pools=False)
            self._doubtful = False
            self._probe_keys.clear()

    def _of_node(self, name: str, question: Callable[[redis.Redis], object], client: Any) -> object:
        node = self.nodes(client).get(name)
        if node is None:
            raise redis.ConnectionError("the node is no primary any more")
        return question(node)

    def _probe_key(self, prefix: str, name: str) -> str:
        """Return a key in a slot of the node."""
        if name not in self._probe_keys:
            slots = self._client.nodes_manager.slots_cache
            names = (f"{probe_key(prefix)}:{number}" for number in range(PROBE_KEYS_MAX))
            self._probe_keys[name] = next(key for key in names if slots[key_slot(key.encode())][0].name == name)
        return self._probe_keys[name]

    def _connected(self, connection: Any) -> None:
        """Note the identity of the server of a new connection, which redis-py has set up."""
        self._identities[connection.host, int(connection.port)] = self.identity_of(connection)


def _write(key: str, node: redis.Redis) -> None:
    node.set(key, "", px=PROBE_TTL_MS)
