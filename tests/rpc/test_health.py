"""Health follows the probes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from shared.rpc import side_pool, stream_pool
from shared.runtime.health import STALE_S, Health
from tests.rpc.serving import METHOD, SERVICE, listening, running, start
from tests.support.waiting import wait_until

NAMES = ("", SERVICE.full_name)
SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING


class Dependencies:
    """The database and Redis as the probes find them, and a clock in seconds."""

    def __init__(self) -> None:
        self.database: str | None = None
        self.redis: str | None = None
        self.now = 0.0
        self.health = Health([SERVICE.full_name], lambda: self.now)
        self.probe_database = self.health.add_probe("database", lambda: self.database)
        self.probe_redis = self.health.add_probe("redis", lambda: self.redis, decisive=False)

    def probe(self) -> None:
        self.probe_database()
        self.probe_redis()

    def serving(self, *names: str) -> list[bool | None]:
        return [self.health.serving(name) for name in names]


@pytest.fixture
def dependencies() -> Dependencies:
    return Dependencies()


@pytest.fixture
def stub(dependencies: Dependencies) -> Iterator[Any]:
    with running(health=dependencies.health) as channel:
        yield HealthStub(channel)


def check(stub: Any, name: str) -> int:
    status: int = stub.Check(HealthCheckRequest(service=name), timeout=60).status
    return status


def test_nothing_serves_before_the_first_probe(dependencies: Dependencies) -> None:
    assert dependencies.serving(*NAMES, "database", "redis") == [False] * 4


def test_a_healthy_process_serves_under_all_its_names(dependencies: Dependencies, stub: Any) -> None:
    dependencies.probe()
    assert [check(stub, name) for name in (*NAMES, "database", "redis")] == [SERVING] * 4


def test_the_process_follows_its_database(
    dependencies: Dependencies, stub: Any, caplog: pytest.LogCaptureFixture
) -> None:
    dependencies.probe()
    dependencies.database = "the schema is behind: run make migrate"
    dependencies.probe()
    dependencies.probe()
    assert [check(stub, name) for name in (*NAMES, "database", "redis")] == [NOT_SERVING] * 3 + [SERVING]
    dependencies.database = None
    dependencies.probe()
    assert check(stub, "") == SERVING
    # Logged once, not every second.
    assert [record.__dict__["reason"] for record in caplog.records] == ["the schema is behind: run make migrate"]


def test_an_optional_dependency_affects_only_its_own_name(dependencies: Dependencies) -> None:
    dependencies.redis = "connection refused"
    dependencies.probe()
    assert dependencies.serving(*NAMES, "database", "redis") == [True, True, True, False]


def test_a_probe_that_raises_is_not_serving(dependencies: Dependencies) -> None:
    def probe() -> str | None:
        raise ConnectionError("refused")

    one_pass = dependencies.health.add_probe("schema", probe)
    dependencies.probe()
    with pytest.raises(ConnectionError):
        one_pass()
    assert dependencies.serving("", "schema", "database") == [False, False, True]


def test_a_probe_that_hangs_is_not_serving(dependencies: Dependencies) -> None:
    dependencies.probe()
    dependencies.now = STALE_S
    dependencies.probe_redis()
    assert dependencies.serving("", "database", "redis") == [False, False, True]


def test_an_unknown_name_is_not_found(stub: Any) -> None:
    call = stub.Check.future(HealthCheckRequest(service="challenge.v1.Unknown"), timeout=60)
    assert isinstance(call.exception(), grpc.RpcError)
    assert call.code() is grpc.StatusCode.NOT_FOUND


def test_a_watch_receives_every_change_and_ends_when_the_process_stops(dependencies: Dependencies, stub: Any) -> None:
    dependencies.probe()
    seen = (response.status for response in stub.Watch(HealthCheckRequest(), timeout=60))
    assert next(seen) == SERVING
    dependencies.database = "away"
    dependencies.probe()
    assert next(seen) == NOT_SERVING
    dependencies.database = None
    dependencies.probe()
    assert next(seen) == SERVING
    dependencies.health.leave()
    assert next(seen) == NOT_SERVING
    dependencies.health.end_watches()
    assert list(seen) == []


def test_a_watch_of_a_process_that_left_sees_that_it_does_not_serve(dependencies: Dependencies, stub: Any) -> None:
    dependencies.probe()
    dependencies.health.leave()
    dependencies.health.end_watches()
    assert [response.status for response in stub.Watch(HealthCheckRequest(), timeout=60)] == [NOT_SERVING]


def test_a_watch_is_notified_that_a_probe_hangs(dependencies: Dependencies, stub: Any) -> None:
    dependencies.probe()
    seen = (response.status for response in stub.Watch(HealthCheckRequest(), timeout=60))
    assert next(seen) == SERVING
    dependencies.now = STALE_S
    assert next(seen) == NOT_SERVING


def test_a_stopping_process_does_not_serve_again(dependencies: Dependencies) -> None:
    dependencies.probe()
    dependencies.health.leave()
    dependencies.probe()
    assert dependencies.serving(*NAMES, "database", "redis") == [False] * 4


def test_watches_are_bounded_and_checks_succeed_beside_them(
    dependencies: Dependencies, stub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_pool, "WAIT_S", 0.2)
    dependencies.probe()
    watches = [stub.Watch(HealthCheckRequest(), timeout=60) for _ in range(side_pool.STREAMS_MAX)]
    for watch in watches:
        assert next(watch).status == SERVING
    one_more = stub.Watch(HealthCheckRequest(), timeout=60)
    with pytest.raises(grpc.RpcError):
        next(one_more)
    assert one_more.code() is grpc.StatusCode.UNIMPLEMENTED
    assert check(stub, "") == SERVING
    for watch in watches:
        watch.cancel()
    # Their slots are released.
    wait_until(lambda: _is_watched(stub))


def test_a_client_that_gets_no_place_for_its_watch_calls_all_the_same(
    dependencies: Dependencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_pool, "WAIT_S", 0.2)
    dependencies.probe()
    with ExitStack() as stack, listening(health=dependencies.health) as port:
        clients = [stack.enter_context(watching_client(port)) for _ in range(side_pool.STREAMS_MAX + 8)]
        calls = [start(client, METHOD, timeout=60) for client in clients]
        assert {call.code() for call in calls} == {grpc.StatusCode.OK}


def watching_client(port: int) -> grpc.Channel:
    """Return a channel with a connection of its own, which is used only while the server serves."""
    config = {
        "loadBalancingConfig": [{"round_robin": {}}],
        "healthCheckConfig": {"serviceName": SERVICE.full_name},
    }
    options = [("grpc.service_config", json.dumps(config)), ("grpc.use_local_subchannel_pool", 1)]
    return grpc.insecure_channel(f"127.0.0.1:{port}", options)


def _is_watched(stub: Any) -> bool:
    watch = stub.Watch(HealthCheckRequest(), timeout=60)
    try:
        next(watch)
    except grpc.RpcError:
        return False
    watch.cancel()
    return True
